use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256};
use insforge_protocol::evm::Authorization;

use super::logs::Event;
use super::token::Tokens;
use super::tx::Action;

/// What became of a nonce. A nonce that was never seen has no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceState {
    /// Spent by a transfer.
    Used,
    /// Burnt by its owner without a transfer.
    Canceled,
}

/// Why a token refused, in the words of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Revert {
    /// No token contract lives at the address.
    #[error("no contract at the address")]
    NoContract,
    /// Block time is not past `validAfter`.
    #[error("authorization is not yet valid")]
    TooEarly,
    /// Block time is not before `validBefore`.
    #[error("authorization is expired")]
    Expired,
    /// The nonce was used or cancelled before.
    #[error("authorization is used or canceled")]
    NonceBurnt,
    /// The holder has less than the amount.
    #[error("transfer amount exceeds balance")]
    Balance,
}

/// One reversible change; a block keeps its list so that a reorganisation can take it back.
#[derive(Debug, Clone)]
pub(super) enum Undo {
    Balance(Address, Address, Option<U256>),
    Nonce(Address, Address, B256),
}

/// Balances and nonces of all tokens.
#[derive(Debug, Default)]
pub struct Ledger {
    tokens: Tokens,
    balances: HashMap<(Address, Address), U256>,
    nonces: HashMap<(Address, Address, B256), NonceState>,
}

impl Ledger {
    pub(super) fn new(tokens: Tokens) -> Ledger {
        Ledger {
            tokens,
            ..Ledger::default()
        }
    }

    /// The token contract at `address`.
    pub fn token(&self, address: Address) -> Option<&super::Token> {
        self.tokens.get(&address)
    }

    /// `balanceOf(holder)`; zero where there is no contract.
    pub fn balance(&self, token: Address, holder: Address) -> U256 {
        let unfunded = || self.tokens.get(&token).map_or(U256::ZERO, |t| t.default_balance);
        self.balances
            .get(&(token, holder))
            .copied()
            .unwrap_or_else(unfunded)
    }

    /// What became of the nonce, if anything.
    pub fn nonce(&self, token: Address, payer: Address, nonce: B256) -> Option<NonceState> {
        self.nonces.get(&(token, payer, nonce)).copied()
    }

    /// Sets a balance outside of any transaction.
    pub(super) fn fund(&mut self, token: Address, holder: Address, balance: U256) {
        self.balances.insert((token, holder), balance);
    }

    /// What `transferWithAuthorization` would say in a block of this time.
    pub fn check(&self, token: Address, auth: &Authorization, time: u64) -> Result<(), Revert> {
        self.tokens.get(&token).ok_or(Revert::NoContract)?;
        let time = U256::from(time);
        if time <= auth.valid_after {
            return Err(Revert::TooEarly);
        }
        if time >= auth.valid_before {
            return Err(Revert::Expired);
        }
        if self.nonce(token, auth.from, auth.nonce).is_some() {
            return Err(Revert::NonceBurnt);
        }
        if self.balance(token, auth.from) < auth.value {
            return Err(Revert::Balance);
        }
        Ok(())
    }

    /// Runs a whole transaction: all of its events, or an error and no trace of it.
    pub(super) fn run(
        &mut self,
        actions: &[Action],
        time: u64,
        undo: &mut Vec<Undo>,
    ) -> Result<Vec<Event>, Revert> {
        let (mut events, mut own) = (Vec::new(), Vec::new());
        for action in actions {
            if let Err(revert) = self.apply(action, time, &mut own, &mut events) {
                self.take_back(own);
                return Err(revert);
            }
        }
        undo.append(&mut own);
        Ok(events)
    }

    fn apply(
        &mut self,
        action: &Action,
        time: u64,
        undo: &mut Vec<Undo>,
        events: &mut Vec<Event>,
    ) -> Result<(), Revert> {
        match *action {
            Action::UseAuthorization(token, auth) => {
                self.check(token, &auth, time)?;
                self.burn(token, auth.from, auth.nonce, NonceState::Used, undo);
                events.push(Event::used(token, auth.from, auth.nonce));
                self.transfer(token, auth.from, auth.to, auth.value, undo)?;
                events.push(Event::transfer(token, auth.from, auth.to, auth.value));
            }
            Action::Cancel(token, payer, nonce) => {
                if self.nonce(token, payer, nonce).is_some() {
                    return Err(Revert::NonceBurnt);
                }
                self.burn(token, payer, nonce, NonceState::Canceled, undo);
                events.push(Event::canceled(token, payer, nonce));
            }
            Action::Transfer(token, from, to, value) => {
                self.transfer(token, from, to, value, undo)?;
                events.push(Event::transfer(token, from, to, value));
            }
        }
        Ok(())
    }

    fn burn(&mut self, token: Address, payer: Address, nonce: B256, state: NonceState, undo: &mut Vec<Undo>) {
        self.nonces.insert((token, payer, nonce), state);
        undo.push(Undo::Nonce(token, payer, nonce));
    }

    fn transfer(
        &mut self,
        token: Address,
        from: Address,
        to: Address,
        value: U256,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Revert> {
        let left = self
            .balance(token, from)
            .checked_sub(value)
            .ok_or(Revert::Balance)?;
        self.set_balance(token, from, left, undo);
        let sum = self.balance(token, to).saturating_add(value);
        self.set_balance(token, to, sum, undo);
        Ok(())
    }

    fn set_balance(&mut self, token: Address, holder: Address, balance: U256, undo: &mut Vec<Undo>) {
        let before = self.balances.insert((token, holder), balance);
        undo.push(Undo::Balance(token, holder, before));
    }

    /// Takes changes back, the last one first.
    pub(super) fn take_back(&mut self, undo: Vec<Undo>) {
        for change in undo.into_iter().rev() {
            match change {
                Undo::Balance(token, holder, Some(before)) => {
                    self.balances.insert((token, holder), before);
                }
                Undo::Balance(token, holder, None) => {
                    self.balances.remove(&(token, holder));
                }
                Undo::Nonce(token, payer, nonce) => {
                    self.nonces.remove(&(token, payer, nonce));
                }
            }
        }
    }
}
