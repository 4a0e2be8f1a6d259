//! Recording a payment and waiting for its outcome, the same for the facilitator API and the gateway.

use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use tokio::time::{Instant, sleep_until};

use super::book::{Book, BookError, Entry, Sale};
use super::outcomes::Outcomes;
use crate::bell::Bell;

/// How often a waiter looks at the row while changes are heard: a notification may be lost with its
/// connection.
const LOOK: Duration = Duration::from_secs(1);
/// The same while they are not.
const LOOK_DEAF: Duration = Duration::from_millis(100);

/// Takes payments.
#[derive(Clone)]
pub struct Till {
    book: Arc<dyn Book>,
    outcomes: Arc<Outcomes>,
    bell: Option<Arc<Bell>>,
}

impl Till {
    /// `bell` wakes the settler of this process, if it has one; others hear the database's.
    pub fn new(book: Arc<dyn Book>, outcomes: Arc<Outcomes>, bell: Option<Arc<Bell>>) -> Self {
        Self { book, outcomes, bell }
    }

    /// The ledger behind it.
    pub fn book(&self) -> &Arc<dyn Book> {
        &self.book
    }

    /// Records a payment, or finds it again, and has it settled.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn submit(&self, entry: &Entry) -> Result<Sale, BookError> {
        let sale = match self.book.submit(entry).await {
            // The same authorization finds the same row, so asking again cannot record it twice.
            Err(BookError::Unsure(_)) => self.book.submit(entry).await?,
            known => known?,
        };
        self.wake(&sale);
        Ok(sale)
    }

    /// The same for something that is delivered here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn sell(
        &self,
        entry: &Entry,
        hold: bool,
        max_unsettled: Option<u32>,
    ) -> Result<Sale, BookError> {
        let sale = match self.book.sell(entry, hold, max_unsettled).await {
            Err(BookError::Unsure(_)) => self.book.sell(entry, hold, max_unsettled).await?,
            known => known?,
        };
        if !hold {
            self.wake(&sale);
        }
        Ok(sale)
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
        loop {
            let pause = if self.outcomes.is_listening() {
                LOOK
            } else {
                LOOK_DEAF
            };
            let look = (Instant::now() + pause).min(deadline);
            tokio::select! {
                change = ticket.changed() => {
                    sale.status = change.status;
                    sale.tx_hash = change.tx_hash.or(sale.tx_hash);
                    // The notification carries no reason; only failures have one to tell.
                    if matches!(change.status, Status::Failed | Status::Expired) {
                        sale = self.look(sale).await;
                    }
                }
                () = sleep_until(look) => sale = self.look(sale).await,
            }
            if is_known(sale.status) || Instant::now() >= deadline {
                return sale;
            }
        }
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
