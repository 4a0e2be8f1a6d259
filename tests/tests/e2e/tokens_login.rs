//! `insforge.login()` on connections that can set any variable.

use anyhow::{Context, Result};
use insforge_tests::issuer::now;
use insforge_tests::wait::wait_until;
use serde_json::json;
use tokio_postgres::{Client, Config, NoTls};

use crate::scene::SOON;
use crate::tokens_support::{Desk, ISSUER};

/// Rows of two users, readable by the direct role under policies; and a policy whose identity is read by a
/// function that only a parallel worker may ever call.
const TABLES: &str = "
  CREATE ROLE direct LOGIN;
  GRANT authenticated TO direct;
  CREATE TABLE notes AS SELECT CASE n % 2 WHEN 0 THEN 'ada' ELSE 'bob' END AS user_id FROM generate_series(1, 2000) n;
  CREATE FUNCTION asking() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT insforge.requesting_user_id() $$;
  CREATE TABLE hidden AS TABLE notes;
  ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
  ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON notes USING (user_id = (SELECT insforge.requesting_user_id()));
  CREATE POLICY mine ON hidden USING (user_id = asking());
  GRANT SELECT ON notes, hidden TO direct, authenticated;";

const WHO: &str = "SELECT insforge.requesting_user_id()";
const IN_WORKERS: &str = "SET force_parallel_mode = on";

struct Direct {
    desk: Desk,
}

impl Direct {
    /// A database whose providers were written by hand, and a role that logs in directly.
    async fn new() -> Result<Direct> {
        let desk = Desk::better_auth().await?;
        desk.sandbox
            .run(
                TABLES
                    .replace("CREATE ROLE direct LOGIN", &desk.role_statement())
                    .as_str(),
            )
            .await?;
        let profile = json!({"preset": "better-auth", "iss": ISSUER, "aud": ISSUER, "leeway_s": 0});
        let jwks = json!({"keys": [desk.key.jwk()?]});
        let set = format!("SELECT insforge.set_provider('app', '{profile}', '{jwks}')");
        desk.sandbox.run(&set).await?;
        Ok(Direct { desk })
    }

    async fn connect(&self) -> Result<Client> {
        self.connect_with("").await
    }

    /// A connection of the unprivileged role, with the client's own wishes (`PGOPTIONS`).
    async fn connect_with(&self, options: &str) -> Result<Client> {
        let mut config: Config = self.desk.sandbox.db.url().parse()?;
        config.user("direct").options(options);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

async fn log_in(client: &Client, token: &str, scope: &str) -> Result<String> {
    Ok(client
        .query_one("SELECT insforge.login($1, $2)", &[&token, &scope])
        .await?
        .get(0))
}

async fn one(client: &Client, sql: &str) -> Result<Option<String>> {
    let rows = client
        .query(&format!("SELECT (x.*)::text FROM ({sql}) AS x"), &[])
        .await
        .with_context(|| sql.to_owned())?;
    let text: Option<String> = rows.first().context("no row")?.get(0);
    // A row of one NULL is "()".
    Ok(text
        .map(|text| text.trim_matches(['(', ')']).to_owned())
        .filter(|text| !text.is_empty()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_connection_sees_its_users_rows_after_a_login_and_none_before() -> Result<()> {
    let direct = Direct::new().await?;
    let client = direct.connect().await?;
    let rows = "SELECT count(*) FROM notes";
    assert_eq!(one(&client, rows).await?.as_deref(), Some("0"));
    let token = direct.desk.token(&json!({"activeOrganizationId": "acme"}))?;
    assert_eq!(log_in(&client, &token, "connection").await?, "ada");
    client
        .batch_execute("SET request.jwt.claims = '{\"sub\":\"bob\"}'")
        .await?;
    assert_eq!(one(&client, rows).await?.as_deref(), Some("1000"));
    assert_eq!(
        one(&client, "SELECT insforge.org_ids()").await?.as_deref(),
        Some("{acme}")
    );
    client.batch_execute(IN_WORKERS).await?;
    for table in ["notes", "hidden"] {
        let seen = one(&client, &format!("SELECT min(user_id) || count(*) FROM {table}")).await?;
        assert_eq!(seen.as_deref(), Some("ada1000"), "{table}, in a worker");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_when_its_token_does_and_claims_do_not_come_back() -> Result<()> {
    let direct = Direct::new().await?;
    let client = direct.connect().await?;
    client
        .batch_execute("SET request.jwt.claims = '{\"sub\":\"bob\"}'")
        .await?;
    let token = direct.desk.token(&json!({"exp": now() + 8}))?;
    log_in(&client, &token, "connection").await?;
    assert_eq!(one(&client, WHO).await?.as_deref(), Some("ada"));
    let ended = || async { Ok(one(&client, WHO).await?.is_none().then_some(())) };
    wait_until(SOON, "the login ends", ended).await?;
    assert!(now() >= token_end(&direct, &token)?);
    assert_eq!(one(&client, "SELECT insforge.identity()").await?, None);
    client.batch_execute("SELECT insforge.logout()").await?;
    assert_eq!(
        one(&client, WHO).await?.as_deref(),
        Some("bob"),
        "nobody is logged in any more"
    );
    Ok(())
}

fn token_end(direct: &Direct, token: &str) -> Result<i64> {
    let jwks = json!({"keys": [direct.desk.key.jwk()?]});
    let profile = json!({"preset": "better-auth", "iss": ISSUER, "aud": ISSUER, "jwks": jwks});
    let profile = serde_json::from_value(profile)?;
    Ok(insforge_protocol::jwt::verify(token, &profile, 0)
        .map(|token| token.expires_at)
        .or_else(|_| insforge_protocol::jwt::verify(token, &profile, now()).map(|token| token.expires_at))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooled_connection_carries_nobody_over() -> Result<()> {
    let direct = Direct::new().await?;
    let token = direct.desk.token(&json!({}))?;
    let client = direct.connect().await?;
    client.batch_execute("BEGIN").await?;
    log_in(&client, &token, "transaction").await?;
    assert_eq!(one(&client, WHO).await?.as_deref(), Some("ada"));
    client.batch_execute("COMMIT").await?;
    assert_eq!(
        one(&client, WHO).await?,
        None,
        "a transaction's login ends with it"
    );
    client.batch_execute("BEGIN").await?;
    log_in(&client, &token, "connection").await?;
    client.batch_execute("ROLLBACK").await?;
    assert_eq!(
        one(&client, WHO).await?,
        None,
        "a transaction that fails takes its login back"
    );
    for reset in ["DISCARD ALL", "RESET ALL", "SELECT insforge.logout()"] {
        log_in(&client, &token, "connection").await?;
        assert_eq!(one(&client, WHO).await?.as_deref(), Some("ada"));
        client.batch_execute(reset).await?;
        assert_eq!(one(&client, WHO).await?, None, "{reset}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connections_login_counts_for_the_role_that_made_it() -> Result<()> {
    let direct = Direct::new().await?;
    let client = direct.connect().await?;
    client.batch_execute("SET ROLE authenticated").await?;
    log_in(&client, &direct.desk.token(&json!({}))?, "connection").await?;
    assert_eq!(one(&client, WHO).await?.as_deref(), Some("ada"));
    client
        .batch_execute("RESET ROLE; SET request.jwt.claims = '{\"sub\":\"bob\"}'")
        .await?;
    assert_eq!(one(&client, WHO).await?, None);
    assert_eq!(
        one(&client, "SELECT count(*) FROM notes").await?.as_deref(),
        Some("0")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_forges_a_session_before_the_library_is_loaded_or_after() -> Result<()> {
    let direct = Direct::new().await?;
    let forged = r#"{"provider":"app","issuer":null,"identity":{"user_id":"ada","permissions":[]},"claims":{"sub":"ada"},"ends_at":9999999999,"role":null}"#;
    let rows = "SELECT (SELECT count(*) FROM notes) + (SELECT count(*) FROM hidden)";
    for workers in [false, true] {
        let connections = [
            direct
                .connect_with(&format!("-c insforge.session={}", forged.replace(' ', "")))
                .await?,
            direct.connect().await?,
        ];
        connections[1]
            .batch_execute(&format!("SET insforge.session = '{forged}'"))
            .await?;
        for client in &connections {
            if workers {
                client.batch_execute(IN_WORKERS).await?;
            }
            assert_eq!(one(client, rows).await?.as_deref(), Some("0"));
            let set = client
                .batch_execute(&format!("SET insforge.session = '{forged}'"))
                .await
                .unwrap_err();
            let message = set.as_db_error().map(|error| error.message().to_owned());
            assert_eq!(
                message.as_deref(),
                Some("insforge.session is written by insforge.login() only")
            );
        }
    }
    let client = direct.connect().await?;
    log_in(&client, &direct.desk.token(&json!({}))?, "connection").await?;
    assert!(
        client.batch_execute("SHOW insforge.session").await.is_err(),
        "not even readable"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_login_is_required_no_client_gets_around_it() -> Result<()> {
    let direct = Direct::new().await?;
    let require = format!(
        "ALTER DATABASE {} SET insforge.require_login = on",
        direct.desk.sandbox.db.name
    );
    direct.desk.sandbox.run(&require).await?;
    let off = "SET insforge.require_login = off";
    let claims = "SET request.jwt.claims = '{\"sub\":\"ada\"}'";
    for options in [
        "",
        "-c insforge.require_login=off",
        "-c insforge.require_login=0 -c force_parallel_mode=on",
    ] {
        for before in ["", off] {
            for table in ["notes", "hidden"] {
                let client = direct.connect_with(options).await?;
                client.batch_execute(before).await?;
                client.batch_execute(claims).await?;
                for _ in 0..2 {
                    let seen = one(&client, &format!("SELECT count(*) FROM {table}")).await?;
                    assert_eq!(
                        seen.as_deref(),
                        Some("0"),
                        "{table} with {options:?} after {before:?}"
                    );
                }
                assert!(client.batch_execute(off).await.is_err());
                log_in(&client, &direct.desk.token(&json!({}))?, "connection").await?;
                let seen = one(&client, &format!("SELECT count(*) FROM {table}")).await?;
                assert_eq!(
                    seen.as_deref(),
                    Some("1000"),
                    "{table} with {options:?} after {before:?}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_role_can_be_let_off_the_requirement() -> Result<()> {
    let direct = Direct::new().await?;
    let name = &direct.desk.sandbox.db.name;
    let alter = format!(
        "ALTER DATABASE {name} SET insforge.require_login = on;
         ALTER ROLE direct IN DATABASE {name} SET insforge.require_login = off"
    );
    direct.desk.sandbox.run(&alter).await?;
    for options in ["", "-c force_parallel_mode=on"] {
        let client = direct.connect_with(options).await?;
        client
            .batch_execute("SET request.jwt.claims = '{\"sub\":\"ada\"}'")
            .await?;
        for table in ["hidden", "notes"] {
            let seen = one(&client, &format!("SELECT count(*) FROM {table}")).await?;
            assert_eq!(seen.as_deref(), Some("1000"), "{table} with {options:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_transaction_can_log_in() -> Result<()> {
    let direct = Direct::new().await?;
    let client = direct.connect().await?;
    client.batch_execute("BEGIN READ ONLY").await?;
    let token = direct.desk.token(&json!({"activeOrganizationId": "acme"}))?;
    assert_eq!(log_in(&client, &token, "transaction").await?, "ada");
    assert_eq!(
        one(&client, "SELECT insforge.org_ids()").await?.as_deref(),
        Some("{}"),
        "nothing was recorded"
    );
    client.batch_execute("COMMIT").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sidecar_keeps_the_keys_that_a_login_goes_by() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let stored = "SELECT count(*) FROM insforge.providers WHERE name = 'app' AND kept_by = 'sidecar' AND jwks IS NOT NULL
                  AND keys_valid_until > now() + interval '23 hours' AND NOT profile ? 'jwks'";
    let keys = || async { Ok((desk.sandbox.one(stored).await? == "1").then_some(())) };
    wait_until(SOON, "the keys are stored", keys).await?;
    let client = desk.sandbox.db.client().await?;
    let token = desk.token(&json!({}))?;
    client.batch_execute("BEGIN").await?;
    assert_eq!(log_in(&client, &token, "transaction").await?, "ada");
    client.batch_execute("COMMIT").await?;
    // The owner's switch closes both doors, and the sidecar leaves it alone.
    desk.sandbox
        .run("UPDATE insforge.providers SET enabled = false")
        .await?;
    assert!(log_in(&client, &token, "transaction").await.is_err());
    assert_eq!(counter.refusal(&token).await?, (400, "disabled".to_owned()));
    counter.sidecar.stop(SOON).await?;
    let renamed = json!({"other": {"preset": "better-auth", "iss": ISSUER, "aud": ISSUER, "jwks_uri": desk.provider.url(desk.jwks_path)}});
    let desk = desk.set("INSFORGE_SIDECAR_TOKEN_PROVIDERS", &renamed.to_string());
    desk.sandbox
        .run("UPDATE insforge.providers SET enabled = true")
        .await?;
    let _counter = desk.open().await?;
    let names = || async {
        Ok((desk
            .sandbox
            .one("SELECT string_agg(name, ',') FROM insforge.providers")
            .await?
            == "other")
            .then_some(()))
    };
    wait_until(SOON, "only the configured provider is left", names).await
}
