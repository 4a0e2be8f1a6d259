use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::line::Line;
use super::purchase::{Kind, Purchase};
use crate::buyer::Signed;
use crate::ledger::Refused;
use crate::standin::StandIn;
use crate::standin::chain::Action;

/// Payments that are submitted at once.
const TILLS: usize = 4;

/// A payment that was made, and what the database said.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) number: usize,
    pub(super) signed: Signed,
    /// An answer to each submission.
    pub(super) answers: Vec<Result<Uuid, Refused>>,
}

/// Where buyers submit their payments, in the order of their numbers, as far as they have been let in.
pub(super) struct Shop {
    admitted: watch::Sender<usize>,
    counter: Arc<Counter>,
    tills: JoinSet<Result<()>>,
}

struct Counter {
    purchases: Vec<Purchase>,
    standin: Arc<StandIn>,
    url: String,
    next: AtomicUsize,
    sales: Mutex<Vec<Sale>>,
}

impl Shop {
    pub(super) fn open(purchases: Vec<Purchase>, standin: Arc<StandIn>, url: &str) -> Shop {
        let counter = Arc::new(Counter {
            purchases,
            standin,
            url: url.to_owned(),
            next: AtomicUsize::new(0),
            sales: Mutex::default(),
        });
        let admitted = watch::Sender::new(0);
        let mut tills = JoinSet::new();
        for _ in 0..TILLS {
            tills.spawn(serve(counter.clone(), admitted.subscribe()));
        }
        Shop {
            admitted,
            counter,
            tills,
        }
    }

    /// Lets the first `count` buyers in.
    pub(super) fn admit(&self, count: usize) {
        self.admitted.send_if_modified(|admitted| {
            let more = count > *admitted;
            *admitted = count.max(*admitted);
            more
        });
    }

    /// Lets everybody in, and waits until all have been served.
    pub(super) async fn close(mut self) -> Result<Vec<Sale>> {
        self.admit(self.counter.purchases.len());
        while let Some(till) = self.tills.join_next().await {
            till.context("a till broke down")??;
        }
        let mut sales = std::mem::take(&mut *self.counter.sales.lock());
        sales.sort_unstable_by_key(|sale| sale.number);
        if sales.len() != self.counter.purchases.len() {
            bail!(
                "{} of {} payments were submitted",
                sales.len(),
                self.counter.purchases.len()
            );
        }
        Ok(sales)
    }
}

async fn serve(counter: Arc<Counter>, mut admitted: watch::Receiver<usize>) -> Result<()> {
    let mut lines = [Line::new(&counter.url), Line::new(&counter.url)];
    loop {
        let number = counter.next.fetch_add(1, Ordering::Relaxed);
        let Some(purchase) = counter.purchases.get(number) else {
            return Ok(());
        };
        admitted.wait_for(|admitted| *admitted > number).await?;
        let sale = counter.sell(number, purchase, &mut lines).await;
        let sale = sale.with_context(|| format!("payment {number}"))?;
        counter.sales.lock().push(sale);
    }
}

impl Counter {
    async fn sell(&self, number: usize, purchase: &Purchase, lines: &mut [Line; 2]) -> Result<Sale> {
        let signed = purchase.sign();
        let token = signed.offer.domain.verifying_contract;
        if purchase.kind == Kind::Poor {
            self.standin
                .chain()
                .fund(token, signed.auth.from, alloy_primitives::U256::ZERO);
        }
        let early = number.is_multiple_of(2);
        if purchase.kind == Kind::Strange && early {
            self.interfere(&signed);
        }
        let [first, second] = lines;
        let answers = if purchase.twice {
            let both = tokio::join!(
                first.submit(&signed, purchase.form),
                second.submit(&signed, purchase.form)
            );
            vec![both.0?, both.1?]
        } else {
            vec![first.submit(&signed, purchase.form).await?]
        };
        if purchase.kind == Kind::Strange && !early {
            self.interfere(&signed);
        }
        Ok(Sale {
            number,
            signed,
            answers,
        })
    }

    /// Somebody else uses the authorization.
    fn interfere(&self, signed: &Signed) {
        let mut chain = self.standin.chain();
        let token = signed.offer.domain.verifying_contract;
        let hash = chain.send(signed.auth.to, vec![Action::UseAuthorization(token, signed.auth)]);
        chain.include(hash);
    }
}
