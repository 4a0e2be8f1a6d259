use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};

use super::chain::{Action, Revert};
use super::faults::Effect;
use super::request::Request;
use super::signature;
use super::world::World;

/// Account that OKX's relayer sends from.
const RELAYER: Address = Address::repeat_byte(0x0c);

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// Refused; nothing was sent.
    Refused(&'static str),
    /// Taken in for a later batch: no transaction yet.
    TakenIn,
    /// Sent; in no block so far.
    Sent(B256),
    /// In a block, and the transfer happened.
    Done(B256),
    /// In a block, and reverted.
    Reverted(B256),
}

/// OKX's checks, in its words and order.
pub(super) fn judge(world: &World, request: &Request) -> Result<(), &'static str> {
    let auth = &request.auth;
    if auth.to != request.pay_to || auth.to.is_zero() {
        return Err("toAddr mismatch");
    }
    if auth.value != request.amount {
        return Err("amount mismatch");
    }
    let chain = world.chain();
    let token = chain
        .ledger()
        .token(request.asset)
        .ok_or("no matching payment option")?;
    if request.deferred {
        return Ok(());
    }
    if !signature::accepted(token.separator, auth, &request.signature) {
        return Err("invalid_signature");
    }
    match chain.ledger().check(request.asset, auth, chain.now()) {
        Ok(()) => Ok(()),
        Err(Revert::TooEarly) => Err("not_yet_valid"),
        Err(Revert::Expired) => Err("expired"),
        Err(Revert::NonceBurnt) => Err("invalid signature, nonce_used"),
        Err(Revert::Balance) => Err("insufficient_balance"),
        Err(Revert::NoContract) => Err("no matching payment option"),
    }
}

/// Moves the money, as far as `effect` lets it. `include_after` belongs to [`Effect::Sent`].
pub(super) fn perform(
    world: &Arc<World>,
    request: &Request,
    effect: Effect,
    include_after: Option<Duration>,
) -> Settled {
    if let Err(reason) = judge(world, request) {
        return Settled::Refused(reason);
    }
    if request.deferred {
        return Settled::TakenIn;
    }
    let mut chain = world.chain();
    let hash = chain.send(
        RELAYER,
        vec![Action::UseAuthorization(request.asset, request.auth)],
    );
    if effect == Effect::Sent {
        drop(chain);
        if let Some(delay) = include_after {
            include_later(world.clone(), hash, delay);
        }
        return Settled::Sent(hash);
    }
    match chain.include(hash) {
        Some(receipt) if receipt.success => Settled::Done(hash),
        _ => Settled::Reverted(hash),
    }
}

fn include_later(world: Arc<World>, hash: B256, delay: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        world.chain().include(hash);
    });
}

/// OKX's cache of signatures on their way: holds the entry while the call runs, and keeps it afterwards
/// only for a payment that was sent and is in no block.
pub(super) struct InFlight {
    world: Arc<World>,
    signature: String,
    pub(super) keep: bool,
}

impl InFlight {
    /// `None`: the same signature is on its way already.
    pub(super) fn enter(world: &Arc<World>, request: &Request) -> Option<InFlight> {
        let window = Duration::from_millis(world.settings.lock().duplicate_window_ms);
        let mut recent = world.recent.lock();
        let signature = request.signature.to_lowercase();
        let blocked = recent
            .get(&signature)
            .is_some_and(|(since, running)| *running || since.elapsed() < window);
        let burnt = || {
            let chain = world.chain();
            chain
                .ledger()
                .nonce(request.asset, request.auth.from, request.auth.nonce)
                .is_some()
        };
        if blocked && !burnt() {
            return None;
        }
        recent.insert(signature.clone(), (Instant::now(), true));
        Some(InFlight {
            world: world.clone(),
            signature,
            keep: false,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut recent = self.world.recent.lock();
        match recent.get_mut(&self.signature) {
            Some(entry) if self.keep => entry.1 = false,
            _ => drop(recent.remove(&self.signature)),
        }
    }
}

/// What `settle/status` knows about a hash.
pub(super) fn status_of(world: &World, hash: B256) -> Option<&'static str> {
    let chain = world.chain();
    match chain.receipt(hash) {
        Some(receipt) if receipt.success => Some("success"),
        Some(_) => Some("failed"),
        None if chain.waits(hash) => Some("pending"),
        None => None,
    }
}
