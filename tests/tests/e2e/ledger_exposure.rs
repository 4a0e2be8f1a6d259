//! Who reads the ledger through a data API, as the operator switched it.

use anyhow::Result;

use crate::ledger_privileges::{denied, paid, writes};

#[tokio::test]
async fn the_ledger_is_read_by_whom_it_is_exposed_to() -> Result<()> {
    let (sandbox, _) = paid().await?;
    let payer = sandbox
        .one("SELECT payer_address FROM x402_payments WHERE status = 'pending'")
        .await?;
    let count = |role: &str, sub: &str| {
        format!(
            r#"BEGIN; SET LOCAL ROLE {role}; SET LOCAL "request.jwt.claims" = '{{"sub": "{sub}"}}'; SELECT count(*) FROM x402_payments"#
        )
    };
    let mixed = format!("0x{}", payer[2..].to_uppercase());
    for (mode, role, sub, seen) in [
        ("public", "anon", "", Some("2")),
        ("public", "authenticated", "eve", Some("2")),
        ("public", "ledger_stranger", "eve", None),
        ("payer", "anon", &payer, None),
        ("payer", "authenticated", "eve", Some("0")),
        ("payer", "authenticated", "", Some("0")),
        ("payer", "authenticated", &payer, Some("1")),
        ("payer", "authenticated", &mixed, Some("1")),
        ("none", "anon", &payer, None),
        ("none", "authenticated", &payer, None),
    ] {
        sandbox
            .run(&format!("SELECT x402.expose_ledger('{mode}')"))
            .await?;
        let case = format!("{mode}: {role} {sub}");
        match seen {
            Some(rows) => assert_eq!(sandbox.one(&count(role, sub)).await?, rows, "{case}"),
            None => assert_eq!(sandbox.refusal(&count(role, sub)).await?.code, "42501", "{case}"),
        }
        sandbox.run("ROLLBACK").await?;
        denied(&sandbox, role, &writes("x402_payments")).await?;
    }
    for word in ["'everybody'", "NULL", "''"] {
        let call = format!("SELECT x402.expose_ledger({word})");
        assert_eq!(sandbox.refusal(&call).await?.code, "22023", "{word}");
    }
    Ok(())
}
