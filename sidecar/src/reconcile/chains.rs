use std::collections::BTreeMap;
use std::sync::Arc;

use insforge_protocol::x402::Network;
use tracing::warn;

use crate::chain::Chain;

/// The chains that can be asked.
#[derive(Default)]
pub struct Chains(BTreeMap<Network, Arc<Chain>>);

impl Chains {
    /// Those with at least one endpoint. Where the main network has none, that is said once, because payments
    /// may stay open for it.
    pub fn new(chains: impl IntoIterator<Item = Chain>) -> Self {
        let known: BTreeMap<_, _> = chains
            .into_iter()
            .filter(|chain| chain.rules().endpoints > 0)
            .map(|chain| (chain.network(), Arc::new(chain)))
            .collect();
        if !known.contains_key(&Network::X_LAYER) {
            warn!(
                network = %Network::X_LAYER,
                "no chain endpoint is configured (XLAYER_RPC_URLS): payments are settled on the facilitator's word, \
                 and one of unknown outcome that it does not confirm stays open until a person closes it"
            );
        }
        Self(known)
    }

    /// The chain, if it can be asked.
    pub fn get(&self, network: Network) -> Option<&Arc<Chain>> {
        self.0.get(&network)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Chain>> {
        self.0.values()
    }
}
