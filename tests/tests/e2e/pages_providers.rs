//! `docs/providers` keeps its word: on every page the settings pass the check, the SQL runs and leaves nothing open, the
//! token shown is exchanged for what the page says becomes of it, and the JavaScript signs a client in with it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use insforge_protocol::jwt::{Profile, Verified, verify};
use insforge_tests::cluster::Template;
use insforge_tests::http::client;
use insforge_tests::issuer::{KeyServer, SigningKey, now};
use insforge_tests::port::free_address;
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::wait::wait_until;
use serde_json::{Value, json};

use crate::pages_node;
use crate::pages_support::{Folder, blocks, check_settings, root, texts};
use crate::rls_support::{Sandbox, quote};
use crate::scene::SOON;
use crate::tokens_support::{SECRET, seen};

const COMMON: &str = include_str!("../../../docs/providers/README.md");
const WITHOUT: &str = include_str!("../../../docs/providers/without-exchange.md");
const KEYS: &str = "/keys";

/// Better Auth's own tables, as its migrations make them where the page tells to.
const BETTER_AUTH: &str = r#"
  CREATE SCHEMA better_auth;
  CREATE TABLE better_auth."user" (id text PRIMARY KEY, email text NOT NULL);
  CREATE TABLE better_auth.member (id text PRIMARY KEY, "userId" text NOT NULL, "organizationId" text NOT NULL,
    role text NOT NULL);"#;

/// A page's example at work.
struct Office {
    sandbox: Sandbox,
    sidecar: Sidecar,
    url: String,
    _provider: KeyServer,
}

/// Goes through a page.
async fn holds(name: &str, page: &str, alg: &str) -> Result<()> {
    let folder = Folder::new(name)?;
    let key = SigningKey::new(alg, "a-key")?;
    let office = open(&folder, page, &key).await?;
    if name == "better-auth" {
        office.sandbox.run(BETTER_AUTH).await?;
    }
    for sql in texts(COMMON, "sql").iter().chain(&texts(page, "sql")) {
        office.sandbox.run(sql).await?;
    }
    let open = "SELECT rule_id, affected_object FROM insforge.audit('{public}') WHERE severity <> 'info'";
    assert_eq!(office.sandbox.rows(open).await?, Vec::<Vec<String>>::new());

    let [shown, becomes] = <[String; 2]>::try_from(texts(page, "json"))
        .map_err(|found| anyhow::anyhow!("a page shows a token and what becomes of it, not {found:?}"))?;
    let (claims, becomes): (Value, Value) = (serde_json::from_str(&shown)?, serde_json::from_str(&becomes)?);
    let header = if alg == "EdDSA" {
        json!({})
    } else {
        json!({"typ": "JWT"})
    };
    let token = key.token(&header, &fresh(claims.clone()))?;
    let exchanged = || async { office.exchange(&token).await.map(Some) };
    let minted = wait_until(SOON, "the page's token is exchanged", exchanged)
        .await
        .with_context(|| office.sidecar.log().text())?;
    office.becomes(&judge(&minted)?, &becomes).await?;

    if pages_node::is_here() {
        let told = office.front_end(&folder, page, &token, &becomes).await?;
        office.signed_in(&told, &becomes)?;
        agrees(&told, &claims);
    }
    Ok(())
}

/// A sidecar with the page's settings, except where the keys come from; the check sees them as they are.
async fn open(folder: &Folder, page: &str, key: &SigningKey) -> Result<Office> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    let provider = KeyServer::start().await?;
    provider.publish(KEYS, &[key])?;
    let address = free_address()?;
    let plan = Plan::new(&sandbox.db.sidecar_url())?.set("INSFORGE_JWT_SECRET", SECRET);
    let settings = [texts(COMMON, "toml").concat(), texts(page, "toml").concat()].join("\n");
    check_settings(folder, &plan, &settings)?;
    let file = folder.write("sidecar.toml", &with_keys_from(&settings, &provider.url(KEYS))?)?;
    let plan = plan.set("INSFORGE_SIDECAR_TOKENS_LISTEN", &address.to_string());
    let sidecar = plan.launch_with(&["--config", &file.to_string_lossy()])?;
    Ok(Office {
        sandbox,
        sidecar,
        url: format!("http://{address}"),
        _provider: provider,
    })
}

/// The settings with another `jwks_uri`.
fn with_keys_from(settings: &str, url: &str) -> Result<String> {
    let uri = format!("jwks_uri = \"{url}\"");
    let mut lines: Vec<String> = settings
        .lines()
        .filter(|line| !line.starts_with("jwks_uri"))
        .map(str::to_owned)
        .collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("[tokens.providers."))
        .context("a provider's table")?;
    lines.insert(at + 1, uri);
    Ok(lines.join("\n") + "\n")
}

/// The claims with their times moved to now.
fn fresh(mut claims: Value) -> Value {
    let issued_at = claims["iat"].as_i64().unwrap_or_default();
    for name in ["iat", "nbf", "exp"] {
        if let Some(time) = claims[name].as_i64() {
            claims[name] = (now() + time - issued_at).into();
        }
    }
    claims
}

/// What InsForge sees in a token that it has been given.
fn judge(minted: &str) -> Result<Verified> {
    let profile: Profile =
        serde_json::from_value(json!({"preset": "insforge", "secret": SECRET, "aud": "insforge-api"}))?;
    Ok(verify(minted, &profile, now())?)
}

impl Office {
    async fn exchange(&self, token: &str) -> Result<String> {
        let answer = client()?
            .post(format!("{}/token", self.url))
            .bearer_auth(token)
            .send()
            .await?;
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await?);
        ensure!(status == 200, "{status} {body}");
        Ok(body["access_token"].as_str().context("access_token")?.to_owned())
    }

    /// The minted token, the membership, and what a policy makes of them.
    async fn becomes(&self, minted: &Verified, promised: &Value) -> Result<()> {
        assert_eq!(json!(minted.subject), promised["user_id"]);
        assert_eq!(json!(minted.identity.email), promised["email"]);
        let user = quote(&minted.subject);
        let sql = format!(
            "SELECT jsonb_build_object('org_id', org_id, 'org_role', role, 'permissions', permissions)
             FROM insforge.memberships WHERE active AND user_id = {user}"
        );
        let membership: Value = serde_json::from_str(&self.sandbox.one(&sql).await?)?;
        for (name, value) in membership.as_object().context("a membership")? {
            assert_eq!(value, &promised[name], "{name}");
        }
        self.sandbox
            .run(&format!(
                "INSERT INTO notes (user_id, body) VALUES ({user}, 'mine'), ('somebody', 'theirs')"
            ))
            .await?;
        assert_eq!(
            seen(&self.sandbox, minted, "SELECT body FROM notes").await?,
            ["mine"]
        );
        Ok(())
    }

    async fn front_end(&self, folder: &Folder, page: &str, token: &str, becomes: &Value) -> Result<Value> {
        pages_node::lay_out(folder, &[COMMON, page])?;
        let user = becomes["user_id"].as_str().context("user_id")?;
        let environment = [
            ("PROVIDER_TOKEN", token),
            ("USER_ID", user),
            ("TOKEN_ADDRESS", self.url.as_str()),
        ];
        pages_node::run(folder, &["driver.mjs"], &environment).await
    }

    /// The client was given good tokens of this user, renewed in time, and taken from it at the end.
    fn signed_in(&self, told: &Value, becomes: &Value) -> Result<()> {
        for (when, event) in [
            ("browser", "signedIn"),
            ("renewed", "tokenRefreshed"),
            ("react", "signedIn"),
        ] {
            let given = &told[when];
            let minted = judge(given["token"].as_str().context("a token")?)?;
            assert_eq!(json!(minted.subject), becomes["user_id"], "{when}");
            assert_eq!(given["event"], event, "{when}");
            let [wait, at] = ["wait", "at"].map(|name| given[name].as_f64().map(|millis| millis / 1e3));
            let (wait, at) = wait.zip(at).context("a renewal")?;
            assert!(
                wait >= 1.0 && at <= minted.expires_at as f64,
                "{when}: renewed after {wait} s"
            );
        }
        assert_eq!(told["signedOut"], json!([{"token": null}]));
        assert_eq!(told["refused"]["reason"], "malformed", "{told}");
        Ok(())
    }
}

/// Code that runs at the provider puts into the token what the page shows there.
fn agrees(told: &Value, claims: &Value) {
    for code in ["action", "payload"] {
        for (name, value) in told[code].as_object().into_iter().flatten() {
            assert_eq!(value, &claims[name], "{code}: {name}");
        }
    }
}

/// A test for each page.
macro_rules! pages {
    ($($test:ident: $name:literal, $alg:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() -> Result<()> {
                let page = include_str!(concat!("../../../docs/providers/", $name, ".md"));
                holds($name, page, $alg).await
            }
        )*
        const PAGES: &[&str] = &[$($name),*];
    };
}

pages! {
    what_the_page_about_clerk_says_works: "clerk", "RS256";
    what_the_page_about_auth0_says_works: "auth0", "RS256";
    what_the_page_about_workos_says_works: "workos", "RS256";
    what_the_page_about_kinde_says_works: "kinde", "RS256";
    what_the_page_about_stytch_says_works: "stytch", "RS256";
    what_the_page_about_better_auth_says_works: "better-auth", "EdDSA";
    what_the_page_about_other_issuers_says_works: "oidc", "RS256";
}

#[test]
fn every_page_about_a_provider_is_tested_and_listed() -> Result<()> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("docs/providers"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        found.push(name.trim_end_matches(".md").to_owned());
    }
    found.sort();
    let mut known: Vec<_> = PAGES.iter().chain(&["README", "without-exchange"]).collect();
    known.sort();
    assert!(found.iter().eq(known), "{found:?}");
    for name in found.iter().filter(|name| *name != "README") {
        assert!(
            COMMON.contains(&format!("({name}.md)")),
            "{name} is not in the list"
        );
    }
    Ok(())
}

#[tokio::test]
async fn signing_on_ones_own_server_makes_tokens_that_insforge_takes() -> Result<()> {
    for text in texts(WITHOUT, "json") {
        serde_json::from_str::<Value>(&text)?;
    }
    if !pages_node::is_here() {
        return Ok(());
    }
    let folder = Folder::new("without-exchange")?;
    pages_node::lay_out(&folder, &[WITHOUT])?;
    let program = r#"import { insforgeToken } from "./sign.js";
        let blank; try { insforgeToken(process.env.SECRET, " "); } catch (error) { blank = error.message; }
        console.log(JSON.stringify({ token: insforgeToken(process.env.SECRET, "user_2x", "ada@acme.example"), blank }));"#;
    let arguments = ["--input-type=module", "--eval", program];
    let told = pages_node::run(&folder, &arguments, &[("SECRET", SECRET)]).await?;
    let minted = judge(told["token"].as_str().context("a token")?)?;
    assert_eq!(minted.subject, "user_2x");
    assert_eq!(minted.claims["role"], "authenticated");
    assert_eq!(minted.identity.email.as_deref(), Some("ada@acme.example"));
    assert_eq!(told["blank"], "nobody is signed in");
    Ok(())
}

/// Reasons and lints that the pages name are those there are.
#[test]
fn the_pages_name_lints_that_have_a_page() -> Result<()> {
    let mut linked = BTreeMap::new();
    for name in PAGES.iter().chain(&["README", "without-exchange"]) {
        let page = std::fs::read_to_string(root().join(format!("docs/providers/{name}.md")))?;
        assert!(
            blocks(&page).iter().all(|block| !block.language.is_empty()),
            "{name}"
        );
        for link in page.split("](../").skip(1) {
            let link = link.split(')').next().unwrap_or_default().to_owned();
            linked.insert(link, *name);
        }
    }
    for (link, name) in linked {
        let file = link.split('#').next().unwrap_or_default();
        assert!(root().join("docs").join(file).exists(), "{name} links to {link}");
    }
    Ok(())
}
