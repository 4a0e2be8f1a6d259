mod fake;
mod finality;
mod looks;
mod scan;
mod service;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::evidence::{Finality, PaymentFacts, Recorded};
use insforge_protocol::evm::{B256, U256};
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Network, Scheme};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::chain::fake::{GENESIS, NONCE, Node, PAYEE, PAYER, TOKEN, VALUE};
use crate::chain::{Chain, ChainSettings};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::tasks::{Part, Service};
use crate::worker::Recorder;
use fake::{FakeCourier, OneRow};

/// A transaction.
const TX: B256 = B256::repeat_byte(0xab);
const TX_TEXT: &str = "0xabababababababababababababababababababababababababababababababab";

pub(super) fn facts() -> PaymentFacts {
    PaymentFacts {
        status: Status::Unknown,
        scheme: Scheme::Exact,
        token: TOKEN,
        from: PAYER,
        pay_to: PAYEE,
        value: U256::from(VALUE),
        nonce: NONCE,
        valid_before: U256::from(GENESIS + 300),
        tx_hash: None,
        attempts: 1,
        since: GENESIS,
        now: GENESIS,
        recorded: Recorded {
            block_number: None,
            finality: Finality::None,
        },
    }
}

fn chain(nodes: &[&Node]) -> Chain {
    strict_chain(nodes, ChainSettings::default())
}

fn strict_chain(nodes: &[&Node], settings: ChainSettings) -> Chain {
    let settings = ChainSettings {
        endpoints: Secret::new(nodes.iter().map(|node| node.url.clone()).collect()),
        requests_per_second: 0.0,
        heads_age: Duration::ZERO,
        ..settings
    };
    Chain::new(Network::X_LAYER, settings).unwrap()
}

/// A reconciler's parts over these nodes, with a recorder that runs.
struct Bench {
    parts: Parts,
    courier: Arc<FakeCourier>,
    ledger: Arc<OneRow>,
    recorder: Service,
}

impl Bench {
    async fn new(ledger: Arc<OneRow>, courier: FakeCourier, nodes: &[&Node]) -> Self {
        let metrics: Arc<Metrics> = Arc::default();
        let chains = Arc::new(Chains::new([chain(nodes)]));
        let recorder = Arc::new(Recorder::new(ledger.clone(), metrics.clone(), 10));
        let service = Service::of("recorder", CancellationToken::new(), recorder.clone());
        service.start().await;
        let courier = Arc::new(courier);
        let parts = Parts {
            ledger: ledger.clone(),
            witness: Arc::new(ChainWitness::new(chains.clone(), Arc::default())),
            chains,
            courier: courier.clone(),
            recorder,
            flights: Arc::default(),
            metrics,
            settings: ReconcileSettings {
                poll: Duration::from_secs(1),
                ..ReconcileSettings::default()
            },
        };
        Self {
            parts,
            courier,
            ledger,
            recorder: service,
        }
    }

    /// Claims the payment and looks at it once.
    async fn look(&self) {
        use crate::settle::Ledger;
        self.ledger.row().due = tokio::time::Instant::now();
        let claim = self.ledger.claim(1, false).await.unwrap().remove(0);
        let until = claim.claimed_at + Duration::from_secs(8);
        let flight = self.parts.flights.take_off(claim.lease, until).unwrap();
        self.parts.resolve(claim, flight, CancellationToken::new()).await;
    }
}
