//! Planted secrets and tokens show up nowhere.

use anyhow::Result;
use insforge_tests::http::client;
use serde_json::json;

use crate::scene::SOON;
use crate::tokens_support::{Desk, SECRET};

/// The secret, and the parts of tokens that would let somebody use them or that say who a user is.
struct Planted(Vec<(String, String)>);

impl Planted {
    fn absent_from(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            assert!(!text.contains(secret.as_str()), "{name} in {place}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_secret_nor_tokens_are_in_logs_answers_metrics_arguments_or_the_database() -> Result<()> {
    let desk = Desk::better_auth().await?.set("INSFORGE_SIDECAR_LOG", "trace");
    let counter = desk.open().await?;
    let good = desk.token(&json!({"sub": "planted-subject-77", "email": "planted@acme.example", "activeOrganizationId": "acme"}))?;
    let expired = desk.token(&json!({"sub": "planted-subject-78", "iat": 1, "exp": 2}))?;
    let (_, body) = counter.exchange(&good).await?;
    let minted = body["access_token"].as_str().unwrap_or_default().to_owned();
    let part = |token: &str, n: usize| token.split('.').nth(n).unwrap_or_default().to_owned();
    let planted = Planted(vec![
        ("the secret".to_owned(), SECRET.to_owned()),
        ("a good token".to_owned(), part(&good, 2)),
        ("its payload".to_owned(), part(&good, 1)),
        ("an expired token".to_owned(), part(&expired, 1)),
        ("the minted token".to_owned(), part(&minted, 2)),
    ]);
    let refused = counter.exchange(&expired).await?.1.to_string();
    planted.absent_from("an answer", &refused);
    let form = format!("grant_type=x&subject_token={good}");
    let malformed = client()?
        .post(format!("http://{}/token", desk.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    planted.absent_from("an answer", &malformed.send().await?.text().await?);
    // An exchange that the database refuses: its statement must not be quoted either.
    desk.sandbox
        .run("ALTER TABLE insforge.memberships ADD CHECK (org_id <> 'broken')")
        .await?;
    let broken = desk.token(&json!({"sub": "planted-subject-79", "activeOrganizationId": "broken"}))?;
    planted.absent_from("an answer", &counter.exchange(&broken).await?.1.to_string());
    for path in ["/metrics", "/readyz"] {
        planted.absent_from(
            path,
            &client()?
                .get(counter.sidecar.url(path))
                .send()
                .await?
                .text()
                .await?,
        );
    }
    let arguments = std::fs::read(format!("/proc/{}/cmdline", counter.sidecar.process().pid()))?;
    planted.absent_from("the process's arguments", &String::from_utf8_lossy(&arguments));
    for relation in [
        "insforge.providers",
        "insforge.memberships",
        "insforge.revocations",
        "pg_settings",
        "pg_db_role_setting",
    ] {
        let rows = desk
            .sandbox
            .rows(&format!("SELECT r::text FROM {relation} r"))
            .await?;
        planted.absent_from(relation, &format!("{rows:?}"));
    }
    for asked in [["config", "show"], ["config", "check"], ["doctor", "--json"]] {
        let told = desk.plan.command(&asked)?.output()?;
        planted.absent_from(
            &asked.concat(),
            &String::from_utf8_lossy(&[told.stdout, told.stderr].concat()),
        );
    }
    // Logins that fail and one that succeeds, as a server logs them.
    let log_in = "SELECT insforge.login($1)";
    for token in [&expired, &broken, &good] {
        if let Err(error) = desk.sandbox.client.query_one(log_in, &[token]).await {
            planted.absent_from("a login's error", &format!("{error:?}"));
        }
    }
    counter.sidecar.stop(SOON).await?;
    let log = counter.sidecar.log().text();
    planted.absent_from("the log", &log);
    for user in [
        "planted-subject-77",
        "planted-subject-78",
        "planted-subject-79",
        "planted@acme.example",
    ] {
        assert!(!log.contains(user), "{user} in {log}");
    }
    planted.absent_from(
        "the server's log",
        &std::fs::read_to_string(desk.sandbox.db.server().dir.join("server.log"))?,
    );
    Ok(())
}
