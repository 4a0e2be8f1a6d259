use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::load;
use super::tokens::{Shows, sign};
use crate::bench::fixture::Fixture;
use crate::bench::node::Node;
use crate::cluster::{Database, Template};
use crate::issuer::{KeyServer, SigningKey};
use crate::port::free_address;
use crate::sidecar::{Plan, Sidecar};
use crate::wait::wait_until;

/// The provider's issuer.
pub(super) const ISSUER: &str = "https://acme.eu.auth0.com/";
/// The API its tokens are for.
pub(super) const AUDIENCE: &str = "https://api.acme.example";
const SECRET: &str = "uK7wQ2nV9xT4bR6mY1pL8sD3fG5hJ0zC";
const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Patience with a start.
const START: Duration = Duration::from_secs(30);

/// A provider on this machine and a sidecar that trades its tokens.
pub(super) struct Office {
    pub(super) key: SigningKey,
    pub(super) database: Database,
    pub(super) address: SocketAddr,
    pub(super) sidecar: Sidecar,
    provider: KeyServer,
}

/// A Node server that does the same.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) node: Node,
}

impl Office {
    /// Starts provider and sidecar, and waits until a token is exchanged.
    pub(super) async fn open(fixture: &Fixture) -> Result<Office> {
        let provider = KeyServer::start().await?;
        let key = SigningKey::new("RS256", "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg")?;
        provider.publish(JWKS_PATH, &[&key])?;
        let database = fixture.database(Template::Extension).await?;
        let address = free_address()?;
        let providers = json!({"acme": {
            "preset": "auth0", "iss": ISSUER, "aud": AUDIENCE, "jwks_uri": provider.url(JWKS_PATH),
        }});
        // One machine is one address, and a bench is one busy user; everything else is as by default.
        let sidecar = Plan::new(&database.sidecar_url())?
            .set("INSFORGE_SIDECAR_SETTLER", "false")
            .set("INSFORGE_JWT_SECRET", SECRET)
            .set("INSFORGE_SIDECAR_TOKENS_LISTEN", &address.to_string())
            .set("INSFORGE_SIDECAR_TOKEN_PROVIDERS", &providers.to_string())
            .set("INSFORGE_SIDECAR_TOKENS_PER_ADDRESS_PER_MINUTE", "0")
            .set("INSFORGE_SIDECAR_TOKENS_PER_SUBJECT_PER_MINUTE", "0")
            .start()
            .await?;
        let office = Office {
            key,
            database,
            address,
            sidecar,
            provider,
        };
        office.answers(address).await?;
        Ok(office)
    }

    /// Starts the Node server, with the same provider and secret.
    pub(super) async fn peer(&self) -> Result<Peer> {
        let keys = self.provider.url(JWKS_PATH);
        let environment = [
            ("JWKS_URL", keys.as_str()),
            ("ISSUER", ISSUER),
            ("AUDIENCE", AUDIENCE),
            ("SECRET", SECRET),
        ];
        let mut node = Node::start("exchange.mjs", "", &environment).await?;
        let port = node
            .ask("port")
            .await?
            .parse()
            .context("the Node server's port")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.answers(address).await?;
        Ok(Peer { address, node })
    }

    /// Waits until a token is exchanged there.
    async fn answers(&self, address: SocketAddr) -> Result<()> {
        let token = sign(&self.key, Shows::User, 1)?;
        let answered = || async {
            let done = load::run(address, &token, 1).await?;
            ensure!(done.len() == 1, "no answer");
            Ok(Some(()))
        };
        wait_until(START, "a token is exchanged", answered).await
    }
}
