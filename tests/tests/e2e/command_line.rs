//! What an operator types.

use anyhow::Result;
use insforge_tests::sidecar::Plan;

fn plan() -> Result<Plan> {
    let plan = Plan::new("postgres://somebody:dbpassword@db.example.com/app")?;
    let plan = plan
        .set("OKX_API_KEY", "visible-to-nobody")
        .set("OKX_SECRET_KEY", "hidden-secret");
    Ok(plan.set("OKX_PASSPHRASE", "hidden-passphrase"))
}

#[test]
fn config_show_hides_every_secret() -> Result<()> {
    let out = plan()?.command(&["config", "show"])?.output()?;
    let shown = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{shown}");
    assert!(shown.contains("secret_key = \"<redacted>\""), "{shown}");
    for secret in [
        "dbpassword",
        "visible-to-nobody",
        "hidden-secret",
        "hidden-passphrase",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    Ok(())
}

#[test]
fn config_check_names_every_faulty_setting_and_ends_1() -> Result<()> {
    let plan = plan()?
        .set("OKX_API_GENERATION", "3")
        .set("PAYMENT_RECIPIENT", "me");
    let out = plan.command(&["config", "check"])?.output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.contains("OKX_API_GENERATION") && said.contains("PAYMENT_RECIPIENT"),
        "{said}"
    );
    Ok(())
}
