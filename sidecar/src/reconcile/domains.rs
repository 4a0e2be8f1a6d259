use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use insforge_protocol::asset::{VouchedDomain, true_domain};
use insforge_protocol::evm::{Address, B256};
use insforge_protocol::x402::Network;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::archive::Archive;
use super::chains::Chains;
use crate::chain::{Chain, RpcError};
use crate::metrics::Metrics;
use crate::tasks::Part;

/// How often each token is read again.
const DAILY: Duration = Duration::from_secs(24 * 3600);
/// How often it is looked whether payments name a token that was not read yet, and after a failure.
const ROUND: Duration = Duration::from_secs(600);
/// The same after a start at which the chain could not be asked.
const SOON: Duration = Duration::from_secs(60);

/// Tokens whose domain on the chain is not the one payments are judged by. A token behind a proxy may change it
/// with an upgrade; every signature under the old one is then worthless.
#[derive(Default)]
pub struct Domains {
    mismatched: RwLock<BTreeSet<(Network, Address)>>,
}

impl Domains {
    /// Whether payments in this token may be taken and settled.
    pub fn is_trusted(&self, network: Network, token: Address) -> bool {
        !self
            .mismatched
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&(network, token))
    }

    /// Notes what was read; returns whether that is news.
    fn note(&self, network: Network, token: Address, matches: bool) -> bool {
        let mut mismatched = self.mismatched.write().unwrap_or_else(PoisonError::into_inner);
        if matches {
            mismatched.remove(&(network, token))
        } else {
            mismatched.insert((network, token))
        }
    }

    /// Tokens in which they may not.
    pub fn count(&self) -> usize {
        self.mismatched
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// Reads `DOMAIN_SEPARATOR()` of the tokens in use, at the start and daily.
pub struct DomainCheck {
    chains: Arc<Chains>,
    archive: Arc<dyn Archive>,
    domains: Arc<Domains>,
    metrics: Arc<Metrics>,
}

impl DomainCheck {
    /// Keeps `domains` up to date.
    pub fn new(
        chains: Arc<Chains>,
        archive: Arc<dyn Archive>,
        domains: Arc<Domains>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            chains,
            archive,
            domains,
            metrics,
        }
    }

    /// Reads every token in use that was not read for a day; `false` if one could not be.
    pub(super) async fn round(&self, chain: &Chain, read: &mut BTreeMap<Address, Instant>) -> bool {
        let network = chain.network();
        let (targets, vouched) = match (
            self.archive.scan_targets(&network.to_string()).await,
            self.archive.vouched().await,
        ) {
            (Ok(targets), Ok(vouched)) => (targets, vouched),
            (Err(error), _) | (_, Err(error)) => {
                debug!(%error, "the tokens in use could not be read");
                return false;
            }
        };
        let tokens: BTreeSet<Address> = targets.into_iter().map(|target| target.asset).collect();
        let mut complete = true;
        for token in tokens {
            if read.get(&token).is_some_and(|at| at.elapsed() < DAILY) {
                continue;
            }
            match self.check(chain, token, &vouched).await {
                Ok(()) => drop(read.insert(token, Instant::now())),
                Err(error) => {
                    debug!(token = %format!("{token:#x}"), %error, "a token's domain could not be read");
                    complete = false;
                }
            }
        }
        complete
    }

    async fn check(&self, chain: &Chain, token: Address, vouched: &[VouchedDomain]) -> Result<(), RpcError> {
        let network = chain.network();
        // A token that nobody vouches for is not settled anyway.
        let Ok(domain) = true_domain(network, token, vouched) else {
            return Ok(());
        };
        let wanted = domain.separator();
        let matches = separators(chain, token).await?.contains(&wanted);
        if self.domains.note(network, token, matches) {
            let token = format!("{token:#x}");
            if matches {
                info!(%network, token, "the token's domain is the right one again");
            } else {
                error!(
                    %network, token, wanted = %format!("{wanted:#x}"),
                    "DOMAIN_SEPARATOR() of a token is not the one payments are judged by; nothing is settled in it \
                     until it is, or until x402.vouched_assets says otherwise"
                );
            }
        }
        let count = i64::try_from(self.domains.count()).unwrap_or(i64::MAX);
        self.metrics.domain_mismatches.set(count);
        Ok(())
    }

    async fn watch(&self, chain: &Chain) {
        let mut read = BTreeMap::new();
        loop {
            let complete = self.round(chain, &mut read).await;
            sleep(if complete { ROUND } else { SOON }).await;
        }
    }
}

/// What up to two endpoints read. One that lies must not be able to stop a shop, so the domain is taken for
/// changed only if none of them reads the right one.
async fn separators(chain: &Chain, token: Address) -> Result<Vec<B256>, RpcError> {
    let mut read = Vec::new();
    let mut last = None;
    for endpoint in chain.endpoints() {
        match endpoint.domain_separator(token).await {
            Ok(separator) => read.push(separator),
            Err(error) => last = Some(error),
        }
        if read.len() == 2 {
            break;
        }
    }
    match last {
        Some(error) if read.is_empty() => Err(error),
        _ => Ok(read),
    }
}

impl Part for DomainCheck {
    async fn run(&self, stop: CancellationToken) {
        let watching = self.chains.iter().map(|chain| self.watch(chain));
        let all = async {
            futures_util::future::join_all(watching).await;
            std::future::pending::<()>().await;
        };
        let _ = stop.run_until_cancelled(all).await;
    }
}
