//! A client for servers on this machine.

use std::sync::LazyLock;

use anyhow::Result;
use reqwest::Client;

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
        Client::builder().no_proxy().pool_max_idle_per_host(0).build()
    });
    match &*CLIENT {
        Ok(client) => Ok(client.clone()),
        Err(error) => anyhow::bail!("no HTTP client: {error}"),
    }
}
