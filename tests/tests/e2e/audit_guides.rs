//! Databases that were set up from the guides before the extension came, and the extension's own ledger.

use anyhow::Result;
use insforge_tests::cluster::Template;

use crate::audit_support::{Finding, findings, insforge};
use crate::rls_support::Sandbox;

/// What the payment guide and the older identity guide make.
const GUIDES: &str = "
  CREATE TABLE x402_payments (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, payer_address text NOT NULL, endpoint text NOT NULL,
    amount text NOT NULL, tx_hash text NOT NULL UNIQUE, chain text DEFAULT 'xlayer', status text DEFAULT 'settled',
    response_summary text, created_at timestamptz DEFAULT now());
  ALTER TABLE x402_payments ENABLE ROW LEVEL SECURITY;
  CREATE POLICY public_read ON x402_payments FOR SELECT USING (true);
  CREATE FUNCTION requesting_user_id() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::text $$;
  CREATE TABLE todos (id int PRIMARY KEY, user_id text NOT NULL DEFAULT requesting_user_id());
  CREATE INDEX ON todos (user_id);
  ALTER TABLE todos ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON todos FOR ALL TO authenticated USING (user_id = (SELECT requesting_user_id()));
  ALTER TABLE realtime.messages ALTER COLUMN sender_id TYPE text;
  CREATE EXTENSION insforge_integrations;";

#[tokio::test]
async fn what_a_guide_left_is_found_until_it_is_adopted() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    sandbox.run(GUIDES).await?;
    let loud: Vec<_> = findings(&sandbox)
        .await?
        .into_iter()
        .filter(Finding::is_loud)
        .collect();
    let wanted = [
        ("L05", "function public.requesting_user_id()"),
        ("L15", "policy public_read on public.x402_payments"),
        ("L44", "column public.x402_payments.amount"),
    ];
    assert_eq!(
        loud,
        wanted.map(|(rule, object)| Finding::new(rule, "warning", object))
    );

    let adopt = "SELECT x402.adopt_ledger(), insforge.adopt_requesting_user_id()";
    sandbox.run(adopt).await?;
    let left = findings(&sandbox).await?;
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn an_adopted_guide_still_says_that_ids_are_strings() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    sandbox.run(GUIDES).await?;
    sandbox.run("SELECT insforge.adopt_requesting_user_id()").await?;
    sandbox
        .run("ALTER POLICY mine ON todos USING (id = 1 AND (SELECT auth.uid()) IS NOT NULL)")
        .await?;
    let wanted = Finding::new("L01", "critical", "policy mine on public.todos");
    assert!(findings(&sandbox).await?.contains(&wanted));
    Ok(())
}

#[tokio::test]
async fn a_policy_that_lets_clients_write_our_ledger_is_found() -> Result<()> {
    let sandbox = insforge().await?;
    for audience in ["none", "payer", "public"] {
        sandbox
            .run(&format!("SELECT x402.expose_ledger('{audience}')"))
            .await?;
        let found = findings(&sandbox).await?;
        assert!(
            found.iter().all(|f| !f.object.contains("x402")),
            "{audience}: {found:?}"
        );
    }
    sandbox
        .run(
            "GRANT INSERT ON x402_payments TO authenticated;
             CREATE POLICY oops ON x402_payments FOR INSERT TO authenticated WITH CHECK (endpoint <> '')",
        )
        .await?;
    let wanted = Finding::new("L43", "critical", "table public.x402_payments");
    assert!(findings(&sandbox).await?.contains(&wanted));
    Ok(())
}
