//! What is on sale, and in which tokens. A token whose domain is in no table of ours is on sale once the
//! operator vouches for it in the database, so the lists are made anew from time to time.

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::x402::{OfferError, Reason, Token, VouchedToken};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Book;
use super::facilitator_api::AllowList;
use super::gateway::Catalog;
use crate::config::{RouteSettings, SellingSettings};
use crate::tasks::Part;

/// How often the database is asked for vouched tokens while everything is on sale.
const RESTOCK: Duration = Duration::from_secs(60);
/// The same while something is not.
const RESTOCK_SOON: Duration = Duration::from_secs(2);

/// Why something cannot be sold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {cause}")]
pub struct Unsold {
    /// The route, or the option.
    pub what: String,
    /// What is wrong.
    pub cause: OfferError,
}

impl Unsold {
    /// Whether the database's list of vouched tokens may put it right; else it is the configuration's fault.
    pub const fn may_come_right(&self) -> bool {
        matches!(
            self.cause,
            OfferError::Terms(Reason::UnknownAsset { .. } | Reason::UnverifiedAsset { .. })
                | OfferError::UnknownDecimals
        )
    }
}

/// Keeps the lists.
pub struct Stock {
    book: Arc<dyn Book>,
    settings: SellingSettings,
    recipient: Option<String>,
    catalog: watch::Sender<Option<Arc<Catalog>>>,
    allow: watch::Sender<Option<Arc<AllowList>>>,
}

impl Stock {
    /// Nothing is on sale before the first [`Self::fill`]. `recipient` is paid where a route names nobody.
    pub fn new(book: Arc<dyn Book>, settings: SellingSettings, recipient: Option<String>) -> Self {
        Self {
            book,
            settings,
            recipient,
            catalog: watch::Sender::new(None),
            allow: watch::Sender::new(None),
        }
    }

    /// The gateway's routes, once all of them can be served.
    pub fn catalog(&self) -> watch::Receiver<Option<Arc<Catalog>>> {
        self.catalog.subscribe()
    }

    /// What the facilitator settles for, once all of it can be.
    pub fn allow(&self) -> watch::Receiver<Option<Arc<AllowList>>> {
        self.allow.subscribe()
    }

    /// Makes the lists. One that cannot be made leaves the one before in force.
    ///
    /// # Errors
    /// [`Unsold`], all there are.
    pub fn fill(&self, vouched: &[VouchedToken]) -> Result<(), Vec<Unsold>> {
        let mut unsold = Vec::new();
        let routes: &[RouteSettings] = self.settings.gateway.as_ref().map_or(&[], |g| &g.routes);
        match Catalog::build(routes, self.recipient.as_deref(), vouched) {
            Ok(catalog) => drop(self.catalog.send_replace(Some(Arc::new(catalog)))),
            Err(faults) => unsold.extend(faults.into_iter().map(|fault| Unsold {
                what: format!("gateway.route ({})", fault.path),
                cause: fault.cause,
            })),
        }
        match self.allow_list(vouched) {
            Ok(Some(allow)) => drop(self.allow.send_replace(Some(Arc::new(allow)))),
            Ok(None) => {}
            Err(cause) => unsold.push(Unsold {
                what: "facilitator.assets".to_owned(),
                cause,
            }),
        }
        if unsold.is_empty() { Ok(()) } else { Err(unsold) }
    }

    fn allow_list(&self, vouched: &[VouchedToken]) -> Result<Option<AllowList>, OfferError> {
        let Some(facilitator) = &self.settings.facilitator else {
            return Ok(None);
        };
        let tokens = facilitator
            .assets
            .iter()
            .map(|(network, asset)| Token::find(*network, asset, vouched))
            .collect::<Result<Vec<_>, _>>()?;
        AllowList::new(facilitator.payees.clone(), &tokens, &facilitator.prices).map(Some)
    }

    /// Forgets answers that were kept long enough, however many: a batch at a time.
    async fn forget(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.book.purge().await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return tracing::debug!(%error, "kept answers could not be purged"),
            }
        }
    }

    /// Asks the database, fills, and says how long to leave it alone.
    async fn restock(&self, was_whole: &mut bool) -> Duration {
        let vouched = match self.book.vouched().await {
            Ok(vouched) => vouched,
            Err(_) if *was_whole => return RESTOCK,
            Err(_) => return RESTOCK_SOON,
        };
        match self.fill(&vouched) {
            Ok(()) => {
                if !std::mem::replace(was_whole, true) {
                    info!("everything is on sale");
                }
                RESTOCK
            }
            Err(unsold) => {
                if std::mem::replace(was_whole, false) {
                    for unsold in unsold {
                        warn!(%unsold, "not on sale: read the token's DOMAIN_SEPARATOR() and vouch for it");
                    }
                }
                RESTOCK_SOON
            }
        }
    }
}

impl Part for Stock {
    /// Keeps the lists current, and forgets answers that were kept long enough.
    async fn run(&self, stop: CancellationToken) {
        let mut whole = true;
        while !stop.is_cancelled() {
            let pause = self.restock(&mut whole).await;
            self.forget(&stop).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use insforge_protocol::asset::VouchedDomain;
    use insforge_protocol::x402::Network;

    use super::*;
    use crate::config::FacilitatorApiSettings;
    use crate::selling::facilitator_api::Prices;
    use crate::selling::fake::{FakeBook, Fate, PAYEE};

    fn stock(asset: &str) -> Stock {
        let facilitator = FacilitatorApiSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: None,
            payees: vec![PAYEE.parse().unwrap()],
            assets: vec![(Network::X_LAYER, asset.to_owned())],
            prices: Prices::Listed(vec!["0.01".into()]),
            wait: Duration::ZERO,
            replay: Duration::ZERO,
            verify_remote: false,
            connections: 1,
            head_timeout: Duration::ZERO,
        };
        let settings = SellingSettings {
            facilitator: Some(facilitator),
            gateway: None,
        };
        Stock::new(FakeBook::new(Fate::Waits), settings, None)
    }

    #[test]
    fn a_token_that_nobody_vouches_for_is_not_taken_until_somebody_does() {
        let native = "0xb6ceceab302e2e4948951ee7843fc24e92933061";
        let stock = stock(native);
        let unsold = stock.fill(&[]).unwrap_err();
        assert!(unsold[0].may_come_right() && stock.allow().borrow().is_none());
        let vouched = VouchedToken {
            domain: VouchedDomain {
                network: Network::X_LAYER,
                asset: native.parse().unwrap(),
                name: "USDC".into(),
                version: "2".into(),
            },
            decimals: Some(6),
        };
        assert_eq!(stock.fill(&[vouched]), Ok(()));
        assert!(stock.allow().borrow().is_some());
    }

    #[test]
    fn a_token_that_does_not_exist_is_the_configurations_fault() {
        let unsold = stock("USDX").fill(&[]).unwrap_err();
        assert!(!unsold[0].may_come_right());
    }
}
