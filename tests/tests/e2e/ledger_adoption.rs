//! A database with the guide's ledger keeps it, and hands it over with its rows when told to.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::Template;
use insforge_tests::ledger;

use crate::adoption::{psql, restored};
use crate::rls_support::{Sandbox, Session, quote};

/// What a ledger is, but for the order of its columns.
const SHAPE: &str = "SELECT jsonb_pretty(jsonb_build_object(
    'columns', (SELECT jsonb_agg(format('%s %s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
        pg_get_expr(adbin, adrelid), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(attacl) a)) ORDER BY attname)
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = t AND attnum > 0 AND NOT attisdropped),
    'constraints', (SELECT jsonb_agg(conname || ' ' || pg_get_constraintdef(oid) ORDER BY conname)
      FROM pg_constraint WHERE conrelid = t),
    'indexes', (SELECT jsonb_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid::regclass::text)
      FROM pg_index WHERE indrelid = t),
    'triggers', (SELECT jsonb_agg(tgenabled::text || pg_get_triggerdef(oid) ORDER BY tgname)
      FROM pg_trigger WHERE tgrelid = t AND NOT tgisinternal),
    'policies', (SELECT jsonb_agg(to_jsonb(p) - 'oid' - 'polrelid' - 'polqual'
        || jsonb_build_object('using', pg_get_expr(polqual, polrelid)) ORDER BY polname)
      FROM pg_policy p WHERE polrelid = t),
    'table', (SELECT format('%s %s %s %s', relowner::regrole, relrowsecurity, relforcerowsecurity,
        (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a)) FROM pg_class WHERE oid = t)))
  FROM (SELECT 'public.x402_payments'::regclass AS t) t";

/// The ledger of the guide with two rows, one of them as careless code writes it.
const GUIDE: &str = "
  CREATE TABLE public.x402_payments (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, payer_address text NOT NULL,
    endpoint text NOT NULL, amount text NOT NULL, tx_hash text NOT NULL UNIQUE, chain text DEFAULT 'xlayer',
    status text DEFAULT 'settled', response_summary text, created_at timestamptz DEFAULT now());
  CREATE INDEX idx_x402_payments_payer ON public.x402_payments (payer_address);
  CREATE INDEX idx_x402_payments_created ON public.x402_payments (created_at DESC);
  ALTER TABLE public.x402_payments ENABLE ROW LEVEL SECURITY;
  CREATE POLICY public_read ON public.x402_payments FOR SELECT USING (true);
  CREATE FUNCTION public.notify_x402_payment() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    PERFORM realtime.publish('x402_payments', 'INSERT_x402_payments', jsonb_build_object('new', to_jsonb(NEW)));
    RETURN NEW; END $$;
  CREATE TRIGGER x402_payment_realtime AFTER INSERT ON public.x402_payments
    FOR EACH ROW EXECUTE FUNCTION public.notify_x402_payment();
  INSERT INTO public.x402_payments (id, payer_address, endpoint, amount, tx_hash, created_at) VALUES
    ('00000000-0000-0000-0000-000000000001', '0xAb', '/report', '10000', '0xABCD', '2026-01-02'),
    ('00000000-0000-0000-0000-000000000002', '0xCd', '/report', '0.01 USDG', '0xef01', '2026-01-03')";

#[tokio::test]
async fn the_guides_ledger_is_kept_with_a_warning_and_left_behind_by_drop_extension() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    sandbox.run(GUIDE).await?;
    let (shape, rows) = (
        sandbox.one(SHAPE).await?,
        sandbox
            .rows("SELECT p::text FROM x402_payments p ORDER BY id")
            .await?,
    );
    let said = psql(&sandbox.db, "CREATE EXTENSION insforge_integrations")?;
    assert!(
        said.contains("WARNING:  public.x402_payments exists already"),
        "{said}"
    );
    assert!(said.contains("x402.adopt_ledger()"), "{said}");
    assert_eq!(sandbox.one(SHAPE).await?, shape);
    let (_new, session) = restored(&sandbox).await?;
    let copied =
        "SELECT count(*) FROM x402_payments WHERE id::text LIKE '00000000-0000-0000-0000-00000000000_'";
    assert_eq!(session.one(copied).await?, "2");
    sandbox.run("DROP EXTENSION insforge_integrations").await?;
    assert_eq!(sandbox.one(SHAPE).await?, shape);
    assert_eq!(
        sandbox
            .rows("SELECT p::text FROM x402_payments p ORDER BY id")
            .await?,
        rows
    );
    Ok(())
}

/// The guide's ledger with further statements, and the extension.
async fn with_guide_ledger(more: &str) -> Result<Sandbox> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    sandbox
        .run(&format!(
            "{GUIDE}; {more}; CREATE EXTENSION insforge_integrations"
        ))
        .await?;
    Ok(sandbox)
}

#[tokio::test]
async fn an_adopted_ledger_keeps_its_rows_and_is_like_a_fresh_one() -> Result<()> {
    let sandbox = with_guide_ledger("GRANT UPDATE (status) ON x402_payments TO anon").await?;
    let said = psql(&sandbox.db, "SELECT x402.adopt_ledger()")?;
    assert!(
        said.contains("WARNING:  the ledger was readable by everybody"),
        "{said}"
    );
    let rows = "SELECT id, payer_address, amount, tx_hash, network, value, status, settled_at = created_at
                FROM x402_payments ORDER BY id";
    let first = "00000000-0000-0000-0000-000000000001";
    let second = "00000000-0000-0000-0000-000000000002";
    let rows = sandbox.rows(rows).await?;
    assert_eq!(
        rows[0],
        [
            first,
            "0xAb",
            "10000",
            "0xabcd",
            "eip155:196",
            "10000",
            "settled",
            "t"
        ]
    );
    assert_eq!(
        rows[1],
        [
            second,
            "0xCd",
            "0.01 USDG",
            "0xef01",
            "eip155:196",
            "",
            "settled",
            "t"
        ]
    );

    let read = "BEGIN; SET LOCAL ROLE anon; SELECT count(*) FROM x402_payments";
    assert_eq!(sandbox.one(read).await?, "2", "public read stays");
    sandbox.run("ROLLBACK; SELECT x402.expose_ledger('none')").await?;
    assert_eq!(sandbox.refusal(read).await?.code, "42501");
    let fresh = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox.run("SELECT insforge.grant_sidecar('sidecar')").await?;
    assert_eq!(sandbox.one(SHAPE).await?, fresh.one(SHAPE).await?);
    assert_eq!(sandbox.refusal("SELECT x402.adopt_ledger()").await?.code, "55000");
    Ok(())
}

#[tokio::test]
async fn an_adopted_ledger_takes_payments_and_survives_dump_and_restore() -> Result<()> {
    let sandbox = with_guide_ledger("SELECT").await?;
    sandbox.run("SELECT x402.adopt_ledger()").await?;
    let pay = async |session: &Session| {
        let signed = Buyer::new().pay(&Offer::usdg());
        let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
        ledger::submit(&session.client, &payment, &requirements, "/report").await
    };
    pay(&sandbox).await?;
    let all = "SELECT (to_jsonb(p))::text FROM x402_payments p ORDER BY id";
    let before = sandbox.rows(all).await?;
    assert_eq!(before.len(), 3);
    let (_new, session) = restored(&sandbox).await?;
    assert_eq!(session.rows(all).await?, before);
    let read = "BEGIN; SET LOCAL ROLE anon; SELECT count(*) FROM x402_payments";
    assert_eq!(session.one(read).await?, "3", "the public still reads");
    session.run("ROLLBACK").await?;
    pay(&session).await?;
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_cannot_be_adopted_is_left_as_it_was() -> Result<()> {
    let cases = [
        ("INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xEf', '/x', '1', '0xABCd')", "23505"),
        ("ALTER TABLE x402_payments DROP COLUMN endpoint", "42703"),
        ("ALTER TABLE x402_payments ALTER COLUMN amount TYPE numeric USING 1", "42703"),
        ("UPDATE x402_payments SET status = 'paid'", "23514"),
        ("CREATE RULE audit AS ON INSERT TO x402_payments DO ALSO NOTIFY paid", "55000"),
        ("CREATE TABLE more () INHERITS (x402_payments)", "55000"),
        ("CREATE FUNCTION note() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'; ALTER FUNCTION note() OWNER TO project_admin;
          ALTER TABLE x402_payments ALTER COLUMN response_summary SET DEFAULT note()", "55000"),
    ];
    for (more, code) in cases {
        let sandbox = with_guide_ledger(more).await?;
        let (shape, rows) = (
            sandbox.one(SHAPE).await?,
            "SELECT p::text FROM x402_payments p ORDER BY id",
        );
        let before = sandbox.rows(rows).await?;
        assert_eq!(
            sandbox.refusal("SELECT x402.adopt_ledger()").await?.code,
            code,
            "{more}"
        );
        assert_eq!(sandbox.one(SHAPE).await?, shape, "{more}");
        assert_eq!(sandbox.rows(rows).await?, before, "{more}");
    }
    Ok(())
}

#[tokio::test]
async fn only_a_superuser_adopts_a_ledger() -> Result<()> {
    let sandbox = with_guide_ledger("ALTER TABLE x402_payments OWNER TO project_admin").await?;
    for role in ["anon", "authenticated", "project_admin"] {
        let attempt = format!("BEGIN; SET LOCAL ROLE {role}; SELECT x402.adopt_ledger()");
        assert_eq!(sandbox.refusal(&attempt).await?.code, "42501", "{role}");
    }
    sandbox
        .run("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA x402 TO project_admin")
        .await?;
    let attempt = "BEGIN; SET LOCAL ROLE project_admin; SELECT x402.adopt_ledger()";
    assert_eq!(sandbox.refusal(attempt).await?.code, "42501");
    Ok(())
}

#[tokio::test]
async fn triggers_and_policies_of_ones_own_are_named_when_a_ledger_is_adopted() -> Result<()> {
    let sandbox = with_guide_ledger(&format!(
        "CREATE TABLE spied (by_role text); CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS {};
         ALTER FUNCTION spy() OWNER TO project_admin;
         CREATE TRIGGER spy BEFORE INSERT ON x402_payments FOR EACH ROW EXECUTE FUNCTION spy();
         CREATE POLICY everybody ON x402_payments FOR SELECT USING (true);
         CREATE ROLE adoption_clerk; CREATE ROLE adoption_friend;
         GRANT SELECT ON x402_payments TO adoption_clerk WITH GRANT OPTION; SET ROLE adoption_clerk;
         GRANT SELECT ON x402_payments TO adoption_friend; RESET ROLE",
        quote("BEGIN INSERT INTO spied VALUES (current_user); RETURN NEW; END")
    ))
    .await?;
    let said = psql(&sandbox.db, "SELECT x402.adopt_ledger()")?;
    assert!(said.contains("switched off: spy"), "{said}");
    assert!(said.contains("x402.expose_ledger() says: everybody"), "{said}");
    sandbox
        .run("INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xEf', '/x', '1', '0x1')")
        .await?;
    assert_eq!(
        sandbox.one("SELECT count(*) FROM spied").await?,
        "0",
        "no code of others runs as superuser"
    );
    let read = "BEGIN; SET LOCAL ROLE adoption_friend; SELECT count(*) FROM x402_payments";
    assert_eq!(sandbox.refusal(read).await?.code, "42501");
    Ok(())
}
