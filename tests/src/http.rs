//! A client for servers on this machine.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use reqwest::Client;

/// Longest answer. Nothing here takes so long; a server that says nothing fails a test instead of holding it up.
const LONGEST: Duration = Duration::from_secs(120);

/// The client that everything here shares. No proxy: whatever the environment says, it is about elsewhere.
///
/// # Errors
/// The client cannot be built.
pub fn client() -> Result<Client> {
    static CLIENT: LazyLock<reqwest::Result<Client>> = LazyLock::new(|| {
        // Built together with the sidecar, reqwest wants a TLS provider even for plain HTTP. One that is
        // installed already is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        // Each test has a runtime of its own; a connection kept from an ended one would be dead.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
        client.timeout(LONGEST).build()
    });
    match &*CLIENT {
        Ok(client) => Ok(client.clone()),
        Err(error) => anyhow::bail!("no HTTP client: {error}"),
    }
}
