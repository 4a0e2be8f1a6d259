use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Matched, Transfer};
use super::incoming::{Search, Seen};

/// Most transfers kept that belong to no payment.
const MOST_STRAYS: usize = 5_000;

/// What the scan remembers of the transfers in recent blocks.
#[derive(Default)]
pub(super) struct Recent {
    /// Whether there may be payments that were not there when transfers were last offered.
    pub(super) news: bool,
    /// Recorded, from blocks that are scanned again.
    known: BTreeSet<Place>,
    /// Transfers that belong to no payment yet: a buyer may submit the authorization first and send it to the
    /// seller then, and the scan has passed the block when the payment is recorded.
    strays: BTreeMap<Place, Transfer>,
}

/// A transfer's place: height, block, log.
type Place = (u64, String, u64);

impl Recent {
    /// The transfers to record: new ones, and strays where there is news.
    pub(super) fn offers(&mut self, seen: &Seen) -> Vec<Transfer> {
        if seen.anew {
            // All of them are seen again, or are not on the chain any more.
            self.known.clear();
            self.strays.clear();
        }
        let is_new = |one: &&Transfer| {
            let place = place(one);
            !self.known.contains(&place) && !self.strays.contains_key(&place)
        };
        let mut offered: Vec<Transfer> = seen.transfers.iter().filter(is_new).cloned().collect();
        if self.news {
            offered.extend(self.strays.values().cloned());
        }
        offered
    }

    /// These were offered, and those of them belong to a payment.
    pub(super) fn offered(&mut self, batch: &[Transfer], matched: &[Matched]) {
        for one in batch {
            let belongs = |to: &Matched| (&to.tx_hash, to.log_index) == (&one.tx_hash, one.log_index);
            if matched.iter().any(belongs) {
                self.strays.remove(&place(one));
                self.known.insert(place(one));
            } else {
                self.strays.insert(place(one), one.clone());
            }
        }
        while self.strays.len() > MOST_STRAYS {
            self.strays.pop_first();
        }
    }

    /// Forgets what is not scanned again from here on, and strays that are too old to be a new payment's.
    pub(super) fn forget(&mut self, next_block: u64) {
        let (again, oldest) = (Search::overlap_from(next_block), Search::back_from(next_block));
        self.known.retain(|(height, ..)| *height >= again);
        self.strays.retain(|(height, ..), _| *height >= oldest);
    }
}

fn place(one: &Transfer) -> Place {
    (one.block_number, one.block_hash.clone(), one.log_index)
}
