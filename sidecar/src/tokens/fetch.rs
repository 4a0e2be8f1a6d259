use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::jwt::{KeySet, KeySetError, MAX_JWKS_BYTES};
use reqwest::header::CACHE_CONTROL;
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::discovery;
use crate::tls::{self, TlsError};

/// Time for a whole request; a provider that needs longer is down.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More hops than any provider needs.
const MAX_REDIRECTS: usize = 3;

/// Where a provider's keys come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From the configuration itself.
    Inline(KeySet),
    /// From a fixed address.
    Address(Url),
    /// From the address that `<issuer>/.well-known/openid-configuration` names.
    Discovery(String),
}

/// A key set as it was found.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The keys; at least one is usable.
    pub set: KeySet,
    /// How long the answer calls itself fresh (`Cache-Control: max-age`).
    pub fresh_for: Option<Duration>,
}

/// Why no key set was had. The last good one stays in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, no answer in time, or a broken one.
    #[error("{0}")]
    Unreachable(String),
    /// Another status than 200.
    #[error("the answer is {0}")]
    Status(u16),
    /// Longer than 1 MiB.
    #[error("the answer is longer than 1 MiB")]
    TooLarge,
    /// Not a key set.
    #[error(transparent)]
    BadKeySet(#[from] KeySetError),
    /// A key set of which no entry can be used.
    #[error("none of the {0} keys can be used")]
    NoUsableKey(usize),
    /// The discovery document cannot be used.
    #[error("discovery: {0}")]
    Discovery(String),
    /// An address that is not fetched from.
    #[error("{0}")]
    ForbiddenAddress(&'static str),
}

/// Fetches one provider's keys.
pub trait Fetch: Send + Sync {
    /// Fetches them anew.
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched, FetchError>>;
}

/// Fetches over HTTP, with limits.
pub struct HttpFetch {
    client: Client,
    source: Source,
}

impl HttpFetch {
    /// A fetcher with connections of its own.
    ///
    /// # Errors
    /// [`TlsError`] when TLS cannot be set up.
    pub fn new(source: Source) -> Result<HttpFetch, TlsError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client()?)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::custom(follow))
            .user_agent(concat!("insforge-sidecar/", env!("CARGO_PKG_VERSION")));
        let client = if source.is_local() {
            client.no_proxy()
        } else {
            client
        };
        let client = client
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(HttpFetch { client, source })
    }

    /// What an issuer's own discovery document calls it: what its tokens carry as `iss`, slash for slash.
    ///
    /// # Errors
    /// [`FetchError`]; many issuers publish no such document.
    pub async fn published_issuer(&self, issuer: &str) -> Result<String, FetchError> {
        let document = self.document(discovery::address(issuer)?).await?.1;
        discovery::issuer(&document)
    }

    async fn keys(&self) -> Result<Fetched, FetchError> {
        match &self.source {
            Source::Inline(set) => usable(set.clone()).map(|set| Fetched { set, fresh_for: None }),
            Source::Address(url) => self.keys_at(url.clone()).await,
            Source::Discovery(issuer) => {
                let document = self.document(discovery::address(issuer)?).await?.1;
                self.keys_at(discovery::jwks_address(&document, issuer)?).await
            }
        }
    }

    async fn keys_at(&self, url: Url) -> Result<Fetched, FetchError> {
        let (fresh_for, document) = self.document(url).await?;
        Ok(Fetched {
            set: usable(KeySet::parse(&document)?)?,
            fresh_for,
        })
    }

    async fn document(&self, url: Url) -> Result<(Option<Duration>, Vec<u8>), FetchError> {
        let mut response = self.client.get(url).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if document.len() + chunk.len() > MAX_JWKS_BYTES {
                return Err(FetchError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok((max_age(&response), document))
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.keys().boxed()
    }
}

impl Source {
    /// What logs and `token verify` call it.
    pub fn describe(&self) -> String {
        match self {
            Source::Inline(_) => "the configuration".to_owned(),
            Source::Address(url) => url.to_string(),
            Source::Discovery(issuer) => format!("{issuer} by discovery"),
        }
    }

    fn is_local(&self) -> bool {
        match self {
            Source::Inline(_) => true,
            Source::Address(url) => is_loopback(url),
            Source::Discovery(issuer) => Url::parse(issuer).is_ok_and(|url| is_loopback(&url)),
        }
    }
}

/// Keys travel in plain text only where nobody else can listen.
///
/// # Errors
/// [`FetchError::ForbiddenAddress`].
pub(super) fn permitted(url: &Url) -> Result<(), FetchError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err(FetchError::ForbiddenAddress(
            "keys are fetched over https only, except from this machine",
        )),
        _ => Err(FetchError::ForbiddenAddress("not an https address")),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    host_ip(url).map_or_else(|| url.host_str() == Some("localhost"), |ip| ip.is_loopback())
}

/// The address in a URL whose host is not a name.
pub(super) fn host_ip(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn usable(set: KeySet) -> Result<KeySet, FetchError> {
    if set.is_empty() {
        return Err(FetchError::NoUsableKey(set.skipped().len()));
    }
    Ok(set)
}

/// A provider may move its document, but not let another host answer for it.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first();
    let same_host = first.is_some_and(|first| first.host_str() == attempt.url().host_str());
    if !same_host || permitted(attempt.url()).is_err() {
        return attempt.error("it redirects to another host");
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("it redirects too often");
    }
    attempt.follow()
}

fn unreachable(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    FetchError::Unreachable(text)
}

fn max_age(response: &Response) -> Option<Duration> {
    let control = response.headers().get(CACHE_CONTROL)?.to_str().ok()?;
    let age = control
        .split(',')
        .find_map(|part| part.trim().strip_prefix("max-age="))?;
    age.parse().ok().map(Duration::from_secs)
}
