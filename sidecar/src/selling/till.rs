//! Recording a payment and waiting for its outcome, the same for the facilitator API and the gateway.

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Payment, Requirements};
use tokio::time::{Instant, sleep_until};

use super::book::{Book, BookError, Entry, How, Sale};
use super::outcomes::Outcomes;
use super::verifier::{Verdict, Verifier};
use crate::bell::Bell;

/// How often a waiter looks at the row while changes are heard: a notification may be lost with its
/// connection.
const LOOK: Duration = Duration::from_secs(1);
/// The same while they are not.
const LOOK_DEAF: Duration = Duration::from_millis(100);
/// How much later than the database announces an outcome this process says so where it has recorded it itself, which
/// spares a look at the row.
const OWN_WORD: Duration = Duration::from_millis(20);

/// Takes payments.
#[derive(Clone)]
pub struct Till {
    book: Arc<dyn Book>,
    outcomes: Arc<Outcomes>,
    verifier: Verifier,
    bell: Option<Arc<Bell>>,
}

/// SQLSTATE of a signature that only the chain or the facilitator can check.
const NEEDS_VERIFYING: &str = "X4206";

impl Till {
    /// `bell` wakes the settler of this process, if it has one; others hear the database's.
    pub fn new(
        book: Arc<dyn Book>,
        outcomes: Arc<Outcomes>,
        verifier: Verifier,
        bell: Option<Arc<Bell>>,
    ) -> Self {
        Self {
            book,
            outcomes,
            verifier,
            bell,
        }
    }

    /// The ledger behind it.
    pub fn book(&self) -> &Arc<dyn Book> {
        &self.book
    }

    /// Asks the facilitator about signatures that cannot be checked offline.
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Records a payment, or finds it again, and has it settled unless it is held. One that the ledger cannot
    /// judge offline is shown to the facilitator first, unless it is recorded already.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn record(
        &self,
        entry: Entry,
        payment: &Payment,
        requirements: &Requirements,
        how: How,
    ) -> Result<Sale, BookError> {
        let sale = match self.enter(&entry, how).await {
            Err(BookError::Refused { sqlstate, .. }) if sqlstate == NEEDS_VERIFYING => {
                let entry = self.verified(entry, payment, requirements).await?;
                self.enter(&entry, how).await?
            }
            entered => entered?,
        };
        if !how.is_held() {
            self.wake(&sale);
        }
        Ok(sale)
    }

    /// The same authorization finds the same row, so asking again after a lost answer cannot record it twice.
    async fn enter(&self, entry: &Entry, how: How) -> Result<Sale, BookError> {
        match self.enter_once(entry, how).await {
            Err(BookError::Unsure(_)) => self.enter_once(entry, how).await,
            entered => entered,
        }
    }

    async fn enter_once(&self, entry: &Entry, how: How) -> Result<Sale, BookError> {
        match how {
            How::Submit => self.book.submit(entry).await,
            How::Sell(terms) => self.book.sell(entry, terms).await,
        }
    }

    async fn verified(
        &self,
        mut entry: Entry,
        payment: &Payment,
        requirements: &Requirements,
    ) -> Result<Entry, BookError> {
        entry.verified = true;
        if self.book.is_recorded(&entry).await? {
            return Ok(entry);
        }
        let verdict = self.verifier.ask(payment, requirements, true).await;
        // The same payment may have been recorded, and paid, while this one waited for its turn: then the facilitator
        // says, rightly, that the nonce is used.
        if verdict != Verdict::Valid && self.book.is_recorded(&entry).await? {
            return Ok(entry);
        }
        match verdict {
            Verdict::Valid => Ok(entry),
            Verdict::Invalid(reason, message) => Err(BookError::Refused {
                sqlstate: NEEDS_VERIFYING.to_owned(),
                reason,
                message,
            }),
            Verdict::Unanswered => Err(BookError::Unavailable(
                "the facilitator cannot be asked about the signature".to_owned(),
            )),
        }
    }

    /// Wakes the settler of this process.
    pub fn wake(&self, sale: &Sale) {
        if sale.status == Status::Pending
            && let Some(bell) = &self.bell
        {
            bell.ring();
        }
    }

    /// Waits until the payment's outcome is known, at most until `deadline`, and says where it stands then.
    /// A ledger that cannot be asked meanwhile changes nothing about the payment: the last that was known
    /// is returned.
    pub async fn outcome(&self, mut sale: Sale, deadline: Instant) -> Sale {
        if is_known(sale.status) {
            return sale;
        }
        let mut ticket = self.outcomes.wait_for(sale.id);
        let mut look_at = self.next_look();
        loop {
            tokio::select! {
                change = ticket.changed() => {
                    if change.is_ours {
                        sale.status = change.status;
                        sale.tx_hash = change.tx_hash.or(sale.tx_hash);
                    } else if is_known(change.status) {
                        look_at = look_at.min(Instant::now() + OWN_WORD);
                    }
                }
                () = sleep_until(look_at.min(deadline)) => {
                    sale = self.look(sale).await;
                    if Instant::now() >= deadline {
                        return sale;
                    }
                    look_at = self.next_look();
                }
            }
            if is_known(sale.status) {
                return sale;
            }
        }
    }

    fn next_look(&self) -> Instant {
        let pause = if self.outcomes.is_listening() {
            LOOK
        } else {
            LOOK_DEAF
        };
        Instant::now() + pause
    }

    async fn look(&self, known: Sale) -> Sale {
        match self.book.sale(known.id).await {
            Ok(Some(sale)) => sale,
            Ok(None) | Err(_) => known,
        }
    }
}

/// Whether waiting longer cannot help: the payment is closed, or waits for a person or for a batch.
pub const fn is_known(status: Status) -> bool {
    match status {
        Status::Pending | Status::Settling | Status::Submitted | Status::Unknown => false,
        Status::Settled | Status::Accepted | Status::Failed | Status::Expired | Status::Review => true,
    }
}
