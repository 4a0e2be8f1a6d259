use std::thread;

use anyhow::{Result, anyhow};

use crate::buyer::{Buyer, Form, Offer, Signed};

/// Who pays: enough buyers for the ledger's index on payers to look as it does in use.
const BUYERS: usize = 100;
/// Signatures outlive every bench.
const LIFETIME_SECONDS: u64 = 24 * 3600;

/// A signed payment as the texts that go over the wire.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) payment: String,
    pub(super) requirements: String,
    pub(super) resource: String,
    pub(super) nonce: String,
}

impl Prepared {
    fn of(signed: &Signed) -> Prepared {
        Prepared {
            payment: signed.payment(Form::V2).to_string(),
            requirements: signed.requirements(Form::V2).to_string(),
            resource: signed.offer.resource.clone(),
            nonce: signed.nonce_text(),
        }
    }
}

/// Signs `count` payments on every core; signing is no part of what is measured.
pub(super) fn sign(count: usize) -> Result<Vec<Prepared>> {
    let offer = Offer {
        max_timeout_seconds: LIFETIME_SECONDS,
        ..Offer::usdg()
    };
    let threads = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let share = |at: usize| count / threads + usize::from(at < count % threads);
        let workers: Vec<_> = (0..threads)
            .map(|at| {
                let offer = &offer;
                scope.spawn(move || sign_some(offer, share(at)))
            })
            .collect();
        let mut signed = Vec::with_capacity(count);
        for worker in workers {
            signed.extend(
                worker
                    .join()
                    .map_err(|_| anyhow!("a signing thread ended early"))?,
            );
        }
        Ok(signed)
    })
}

fn sign_some(offer: &Offer, count: usize) -> Vec<Prepared> {
    let buyers: Vec<Buyer> = std::iter::repeat_with(Buyer::new).take(BUYERS).collect();
    let buyers = buyers.iter().cycle().take(count);
    buyers.map(|buyer| Prepared::of(&buyer.pay(offer))).collect()
}
