//! What the tests of the token exchange share: a provider, a sidecar that trusts it, and a caller who does
//! what InsForge's gateway does with a minted token.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use insforge_protocol::jwt::{Profile, Verified, verify};
use insforge_tests::cluster::Template;
use insforge_tests::http::client;
use insforge_tests::issuer::{KeyServer, SigningKey, now};
use insforge_tests::port::free_address;
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::wait::wait_until;
use serde_json::{Value, json};

use crate::rls_support::{Sandbox, quote};
use crate::scene::SOON;

/// InsForge's JWT secret in these tests.
pub(crate) const SECRET: &str = "uK7wQ2nV9xT4bR6mY1pL8sD3fG5hJ0zC";

/// A provider, an InsForge database, and how to start a sidecar between them.
pub(crate) struct Desk {
    pub(crate) sandbox: Sandbox,
    pub(crate) provider: KeyServer,
    pub(crate) key: SigningKey,
    /// Where the key server publishes the keys.
    pub(crate) jwks_path: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) plan: Plan,
}

/// A sidecar that exchanges tokens.
pub(crate) struct Counter {
    pub(crate) sidecar: Sidecar,
    address: SocketAddr,
}

/// A status and a JSON body.
pub(crate) type Reply = (u16, Value);

impl Desk {
    /// A desk for one provider named `app` with these settings; keys come from the key server.
    pub(crate) async fn new(alg: &str, kid: &str, jwks_path: &'static str, settings: Value) -> Result<Desk> {
        let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
        let provider = KeyServer::start().await?;
        let key = SigningKey::new(alg, kid)?;
        provider.publish(jwks_path, &[&key])?;
        let address = free_address()?;
        let plan = Plan::new(&sandbox.db.sidecar_url())?
            .set("INSFORGE_SIDECAR_SETTLER", "false")
            .set("INSFORGE_JWT_SECRET", SECRET)
            .set("INSFORGE_SIDECAR_TOKENS_LISTEN", &address.to_string());
        let desk = Desk {
            sandbox,
            provider,
            key,
            jwks_path,
            address,
            plan,
        };
        Ok(desk.configure(settings))
    }

    /// A Better Auth provider: Ed25519, quick to make keys for.
    pub(crate) async fn better_auth() -> Result<Desk> {
        let settings = json!({"preset": "better-auth", "iss": ISSUER, "aud": ISSUER});
        Desk::new("EdDSA", "k1", "/api/auth/jwks", settings).await
    }

    /// Configures the one provider, whose keys come from the key server.
    pub(crate) fn configure(mut self, settings: Value) -> Desk {
        let mut settings = settings;
        if settings.get("jwks_uri").is_none() {
            settings["jwks_uri"] = self.provider.url(self.jwks_path).into();
        }
        let providers = json!({ "app": settings }).to_string();
        self.plan = self.plan.set("INSFORGE_SIDECAR_TOKEN_PROVIDERS", &providers);
        self
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Desk {
        self.plan = self.plan.set(name, value);
        self
    }

    /// Starts the sidecar and waits for the provider's keys.
    pub(crate) async fn open(&self) -> Result<Counter> {
        let counter = self.launch().await?;
        self.has_keys(&counter).await?;
        Ok(counter)
    }

    /// Starts the sidecar and waits only until it answers.
    pub(crate) async fn launch(&self) -> Result<Counter> {
        let counter = Counter {
            sidecar: self.plan.launch()?,
            address: self.address,
        };
        let answers = || async { counter.exchange("x").await.map(Some) };
        wait_until(SOON, "the exchange answers", answers)
            .await
            .with_context(|| counter.sidecar.log().text())?;
        Ok(counter)
    }

    async fn has_keys(&self, counter: &Counter) -> Result<()> {
        // Good except for its time: only the keys can make it anything but expired.
        let stale = self.token(&json!({"sub": "nobody", "iat": 1, "exp": 2}))?;
        let ready = || async {
            let (_, body) = counter.exchange(&stale).await?;
            Ok((body["reason"] == "expired").then_some(()))
        };
        wait_until(SOON, "the provider's keys are fetched", ready)
            .await
            .with_context(|| counter.sidecar.log().text())
    }

    /// A Better Auth token with these claims over the usual ones.
    pub(crate) fn token(&self, claims: &Value) -> Result<String> {
        token_by(&self.key, claims)
    }
}

/// The issuer of [`Desk::better_auth`].
pub(crate) const ISSUER: &str = "https://app.acme.example";

/// A Better Auth token by any key.
pub(crate) fn token_by(key: &SigningKey, claims: &Value) -> Result<String> {
    let mut all = json!({"iss": ISSUER, "aud": ISSUER, "sub": "ada", "iat": now(), "exp": now() + 900});
    if let (Value::Object(all), Value::Object(own)) = (&mut all, claims.clone()) {
        all.extend(own);
    }
    key.token(&json!({}), &all)
}

impl Counter {
    /// Asks with a bearer token.
    pub(crate) async fn exchange(&self, token: &str) -> Result<Reply> {
        let url = format!("http://{}/token", self.address);
        let answer = client()?.post(url).bearer_auth(token).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    /// The minted token's claims; the token itself is verified as InsForge does.
    pub(crate) async fn minted(&self, token: &str) -> Result<Verified> {
        let (status, body) = self.exchange(token).await?;
        ensure!(status == 200, "{status} {body}");
        let minted = body["access_token"].as_str().context("access_token")?;
        let profile: Profile =
            serde_json::from_value(json!({"preset": "insforge", "secret": SECRET, "aud": "insforge-api"}))?;
        Ok(verify(minted, &profile, now())?)
    }

    /// Why the token is refused.
    pub(crate) async fn refusal(&self, token: &str) -> Result<(u16, String)> {
        let (status, body) = self.exchange(token).await?;
        ensure!(status != 200, "not refused");
        Ok((status, body["reason"].as_str().unwrap_or_default().to_owned()))
    }

    /// A metric's value.
    pub(crate) async fn metric(&self, series: &str) -> Result<f64> {
        let text = client()?
            .get(self.sidecar.url("/metrics"))
            .send()
            .await?
            .text()
            .await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("{series} in {text}"))?.parse()?)
    }
}

/// The first value of each row that the holder of a minted token sees, with the claims that InsForge's
/// gateway passes on: `sub`, `email` and `role`.
pub(crate) async fn seen(sandbox: &Sandbox, minted: &Verified, sql: &str) -> Result<Vec<String>> {
    let mut claims = json!({"iat": now(), "exp": now() + 300});
    for name in ["sub", "email", "role"] {
        if let Some(value) = minted.claims.get(name) {
            claims[name] = value.clone();
        }
    }
    sandbox.run("BEGIN; SET LOCAL ROLE authenticated").await?;
    sandbox
        .run(&format!(
            "SELECT set_config('request.jwt.claims', {}, true)",
            quote(&claims.to_string())
        ))
        .await?;
    let rows = sandbox.rows(sql).await;
    sandbox.run("ROLLBACK").await?;
    Ok(rows?
        .into_iter()
        .filter_map(|row| row.into_iter().next())
        .collect())
}

/// For what takes as long as a setting says.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

impl Desk {
    /// Makes the role of direct connections; roles belong to the cluster that all tests share.
    pub(crate) fn role_statement(&self) -> String {
        "DO $$ BEGIN CREATE ROLE direct LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$".to_owned()
    }
}
