use std::sync::atomic::{AtomicUsize, Ordering};

use insforge_protocol::evidence::{Rules, View};
use insforge_protocol::x402::Network;
use reqwest::Url;
use tracing::debug;

use super::{ChainSettings, Endpoint, Rpc, RpcError, Target};
use crate::facilitator::CallError;

/// One chain with its endpoints.
pub struct Chain {
    network: Network,
    endpoints: Vec<Endpoint>,
    settings: ChainSettings,
    turn: AtomicUsize,
}

impl Chain {
    /// A chain; connects to nothing yet. The same URL given twice is one endpoint: it cannot confirm itself.
    ///
    /// # Errors
    /// [`CallError`] when TLS or an HTTP client cannot be set up.
    pub fn new(network: Network, settings: ChainSettings) -> Result<Self, CallError> {
        let mut urls: Vec<Url> = Vec::new();
        for url in settings.endpoints.expose() {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        let labels = labels(&urls);
        let endpoint = |(url, label)| {
            let rpc = Rpc::new(url, label, settings.timeout, settings.requests_per_second)?;
            Ok(Endpoint::new(rpc, network, &settings))
        };
        let endpoints = urls
            .into_iter()
            .zip(labels)
            .map(endpoint)
            .collect::<Result<_, CallError>>()?;
        Ok(Self {
            network,
            endpoints,
            settings,
            turn: AtomicUsize::new(0),
        })
    }

    /// Which chain it is.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// By which measure its evidence counts. Patience and attempts are the reconciler's own.
    pub fn rules(&self) -> Rules {
        Rules {
            endpoints: self.endpoints.len(),
            proving: self.settings.proving,
            settle_at: self.settings.settle_at,
            ..Rules::DEFAULT
        }
    }

    /// Its endpoints, those that work first.
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let (up, down): (Vec<_>, Vec<_>) = self.endpoints.iter().partition(|one| one.is_up());
        up.into_iter().chain(down).collect()
    }

    /// The same, each time beginning with another: whoever rechecks should not ask the same one again.
    pub fn endpoints_in_turn(&self) -> Vec<&Endpoint> {
        let mut endpoints = self.endpoints();
        if !endpoints.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % endpoints.len();
            endpoints.rotate_left(turn);
        }
        endpoints
    }

    /// Whether any endpoint works.
    pub fn is_up(&self) -> bool {
        self.endpoints.iter().any(Endpoint::is_up)
    }

    /// Looks at a payment through `wanted` of the endpoints, in the order given, leaving out those that do not
    /// answer and those whose views are there already.
    pub async fn look(&self, target: &Target, wanted: usize, views: &mut Vec<View>) {
        for endpoint in self.endpoints() {
            if views.len() >= wanted {
                break;
            }
            if views.iter().any(|view| view.endpoint == endpoint.label()) {
                continue;
            }
            match endpoint.look(target).await {
                Ok(view) => views.push(view),
                Err(error) => debug!(endpoint = endpoint.label(), %error, "no view of a payment"),
            }
        }
    }

    /// Asks the endpoints one after another until one answers.
    ///
    /// # Errors
    /// The last endpoint's [`RpcError`].
    pub async fn first<'a, T, F>(
        &'a self,
        endpoints: Vec<&'a Endpoint>,
        ask: impl Fn(&'a Endpoint) -> F,
    ) -> Result<T, RpcError>
    where
        F: Future<Output = Result<T, RpcError>>,
    {
        let mut last = RpcError::Unreachable("no endpoint is configured".to_owned());
        for endpoint in endpoints {
            match ask(endpoint).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Host and port; a number is added where two endpoints share them.
fn labels(urls: &[Url]) -> Vec<String> {
    let host = |url: &Url| {
        let host = url.host_str().unwrap_or("?");
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    };
    let hosts: Vec<String> = urls.iter().map(host).collect();
    let twice = |name: &String| hosts.iter().filter(|other| *other == name).count() > 1;
    let numbered = |(at, name): (usize, &String)| {
        if twice(name) {
            format!("{name}#{}", at + 1)
        } else {
            name.clone()
        }
    };
    hosts.iter().enumerate().map(numbered).collect()
}
