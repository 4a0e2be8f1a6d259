//! Does what the buyer chose match what the seller offers?
//!
//! The buyer's `accepted` is compared member by member and then dropped: a facilitator that is given the
//! buyer's copy lets the buyer set price and payee.

use super::{Payment, Reason, Requirements};

impl Requirements {
    /// Whether `payment` was made for these requirements: scheme, network and, in v2, the buyer's copy. In v1
    /// nothing else names the offer; the signed fields are judged in [`crate::judge`].
    pub fn matches(&self, payment: &Payment) -> Result<(), Reason> {
        self.matches_chain(payment)?;
        self.matches_copy(payment)
    }

    /// Scheme and network.
    pub(crate) fn matches_chain(&self, payment: &Payment) -> Result<(), Reason> {
        if self.scheme != payment.scheme {
            return Err(Reason::SchemeMismatch);
        }
        if self.network != payment.network {
            return Err(Reason::NetworkMismatch {
                paid: payment.network,
                required: self.network,
            });
        }
        Ok(())
    }

    /// The rest of the buyer's copy: asset, payee and amount must be ours; members of `extra` must be ours where
    /// both name them; more members in `extra` and a shorter `maxTimeoutSeconds` are the buyer's business.
    pub(crate) fn matches_copy(&self, payment: &Payment) -> Result<(), Reason> {
        let Some(copy) = &payment.accepted else {
            return Ok(());
        };
        let theirs = &copy.extra;
        let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && a != b;
        let longer =
            matches!((copy.max_timeout_seconds, self.max_timeout_seconds), (Some(a), Some(b)) if a > b);
        let checks = [
            ("asset", copy.asset != self.asset),
            ("payTo", copy.pay_to != self.pay_to),
            ("amount", copy.amount != self.amount),
            ("extra.name", differs(&theirs.name, &self.extra.name)),
            ("extra.version", differs(&theirs.version, &self.extra.version)),
            (
                "extra.assetTransferMethod",
                theirs.transfer_method() != self.extra.transfer_method(),
            ),
            ("maxTimeoutSeconds", longer),
        ];
        match checks.iter().find(|(_, differs)| *differs) {
            Some((field, _)) => Err(Reason::ChoiceMismatch { field }),
            None => Ok(()),
        }
    }
}

/// The offers that `payment` may be for, in the seller's order. A v1 payment names neither token nor price, so
/// several may fit: judge it against each and take the first that is not invalid.
pub fn candidates<'a>(
    offers: &'a [Requirements],
    payment: &'a Payment,
) -> impl Iterator<Item = &'a Requirements> {
    offers.iter().filter(|offer| offer.matches(payment).is_ok())
}
