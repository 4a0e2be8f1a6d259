use std::time::Duration;

use alloy_primitives::{B256, U256, hex};
use anyhow::Result;
use insforge_protocol::evm::Authorization;

use super::chance::Chance;
use crate::buyer::{Buyer, Form, Offer, Signed, unix_now};

/// What is special about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it lives for longer than the storm.
    Plain,
    /// It lives for so short a time that it may end unpaid.
    Short,
    /// It lives as shortly, and every call about it is lost while there are faults.
    Doomed,
    /// The buyer has no money, and the authorization lives as shortly: money that comes later could still use it.
    Poor,
    /// Somebody else submits the authorization to the chain.
    Strange,
}

/// A payment that will be made.
#[derive(Debug, Clone)]
pub(super) struct Purchase {
    pub(super) kind: Kind,
    pub(super) buyer: Buyer,
    pub(super) nonce: B256,
    /// Submitted twice, over two connections at once.
    pub(super) twice: bool,
    pub(super) form: Form,
    offer: Offer,
}

/// Longer than any storm.
const LONG: Duration = Duration::from_secs(1_800);
/// Nothing is sent within ten seconds of the end: these can be sent for some seconds.
const SHORT: (u64, u64) = (14, 26);
/// Prices differ, so that a mix-up of two payments cannot go unseen.
const DEAREST: u64 = 1_000_000;

impl Purchase {
    /// Draws the payment of this number.
    pub(super) fn draw(chance: Chance, number: usize) -> Result<Purchase> {
        let kind = match chance.below("kind", number, 100) {
            0..80 => Kind::Plain,
            80..91 => Kind::Short,
            91..94 => Kind::Doomed,
            94..97 => Kind::Poor,
            _ => Kind::Strange,
        };
        let lives = match kind {
            Kind::Short | Kind::Doomed | Kind::Poor => chance.between("lives", number, SHORT.0, SHORT.1),
            _ => LONG.as_secs(),
        };
        let form = match chance.below("form", number, 10) {
            0 => Form::V1,
            1 => Form::Hybrid,
            _ => Form::V2,
        };
        let offer = Offer {
            max_timeout_seconds: lives,
            ..Offer::usdg().priced(chance.between("price", number, 1, DEAREST))
        };
        Ok(Purchase {
            kind,
            buyer: Buyer::from_hex(&hex::encode(chance.bytes("buyer", number)))?,
            nonce: chance.bytes("nonce", number),
            twice: chance.below("twice", number, 5) == 0,
            form,
            offer,
        })
    }

    /// Signs it: it is valid from now on.
    pub(super) fn sign(&self) -> Signed {
        let auth = Authorization {
            from: self.buyer.address,
            to: self.offer.pay_to,
            value: self.offer.amount,
            valid_after: U256::ZERO,
            valid_before: U256::from(unix_now() + self.offer.max_timeout_seconds),
            nonce: self.nonce,
        };
        self.buyer.sign(&self.offer, auth)
    }
}
