use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::{Address, B256};
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};

use super::auth::Credentials;
use super::calls::CallLog;
use super::chain::{Chain, ChainClock, Timing, Token};
use super::envelope::{CodeForm, DataForm};
use super::faults::Plan;
use super::gates::Gates;

/// How a stand-in is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; port 0 means a free one.
    pub listen: SocketAddr,
    /// The only API key it knows.
    pub credentials: Credentials,
    /// Tokens on its chain.
    pub tokens: Vec<Token>,
    /// How its chain keeps time.
    pub timing: Timing,
    /// What a test may change later.
    pub settings: Settings,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials: Credentials::default(),
            tokens: vec![Token::usdg(), Token::usdt0(), Token::usdc_bridged()],
            timing: Timing::default(),
            settings: Settings::default(),
        }
    }
}

/// What can be changed while it runs.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Form of `code`; by default text for generation 1 and a number for generation 2.
    pub code: Option<CodeForm>,
    /// Form of `data`; by default an array for generation 1 and an object for generation 2.
    pub data: Option<DataForm>,
    /// How often `settle/status` says `not_found` about a hash before it knows it.
    pub status_lag: u32,
    /// Milliseconds in which a second `/settle` of a payment that is in no block yet answers
    /// `payment processing`.
    pub duplicate_window_ms: u64,
    /// Milliseconds until a transaction is in a block when `syncSettle` is false.
    pub inclusion_ms: u64,
    /// Largest block range that `eth_getLogs` takes; no limit if not given.
    pub logs_range: Option<u64>,
    /// By how many blocks the RPC endpoint of a name trails the others.
    pub rpc_lag: HashMap<String, u64>,
    /// Whether unused answers of `/verify` still check balance and nonce. On when `false`: turning it
    /// off makes `/verify` say yes to everything, as a facilitator with a stale view would.
    pub verify_blindly: bool,
    /// Whether a call goes on when its caller is gone, as it does at a real facilitator. Off, it is dropped
    /// where it stands, so that a test that ends leaves nothing behind.
    pub carries_on: bool,
}

/// A `/settle` as a hook sees it: authenticated and readable, nothing has happened yet.
#[derive(Debug, Clone)]
pub struct SettleSeen {
    /// Payer.
    pub payer: Address,
    /// Nonce of the authorization.
    pub nonce: B256,
}

pub(super) type Hook = Arc<dyn Fn(SettleSeen) -> BoxFuture<'static, ()> + Send + Sync>;

/// Everything the handlers share.
pub(super) struct World {
    pub(super) credentials: Credentials,
    pub(super) clock: Arc<ChainClock>,
    chain: Mutex<Chain>,
    pub(super) plan: Mutex<Plan>,
    pub(super) calls: CallLog,
    pub(super) gates: Gates,
    pub(super) settings: Mutex<Settings>,
    pub(super) hook: Mutex<Option<Hook>>,
    /// Signatures seen by `/settle` whose payment is in no block: since when, and in flight or not.
    pub(super) recent: Mutex<HashMap<String, (Instant, bool)>>,
    /// How often each hash was asked for.
    pub(super) asked: Mutex<HashMap<B256, u32>>,
}

impl World {
    pub(super) fn new(config: &Config) -> World {
        let clock = Arc::new(ChainClock::default());
        let mut chain = Chain::new(
            super::supported::CHAIN_ID,
            config.tokens.iter().cloned(),
            clock.clone(),
        );
        chain.timing = config.timing;
        World {
            credentials: config.credentials.clone(),
            clock,
            chain: Mutex::new(chain),
            plan: Mutex::default(),
            calls: CallLog::default(),
            gates: Gates::default(),
            settings: Mutex::new(config.settings.clone()),
            hook: Mutex::new(None),
            recent: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The chain, brought up to the present.
    pub(super) fn chain(&self) -> MutexGuard<'_, Chain> {
        let mut chain = self.chain.lock();
        chain.catch_up();
        chain
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}
