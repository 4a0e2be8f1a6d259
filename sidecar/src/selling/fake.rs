//! A ledger in memory and a buyer with a key, for tests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::evm::{Authorization, U256};
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Payment, Requirements, VouchedToken, read_domain};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Answer, Book, BookError, Change, Claimed, Delivery, Entry, Examined, Kept, Outcomes, Sale, Terms,
};

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const PAYEE: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// First Hardhat key: public, never fund.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PAYER: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

pub(crate) fn offer_v2(amount: &str) -> Value {
    json!({ "scheme": "exact", "network": "eip155:196", "amount": amount,
        "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8", "payTo": PAYEE, "maxTimeoutSeconds": 300,
        "extra": { "name": "Global Dollar", "version": "1" } })
}

/// The payload of a payment of `amount` USDG, valid for five minutes from [`NOW`].
fn payload(amount: &str, nonce: u8) -> Value {
    let domain = json!({ "name": "Global Dollar", "version": "1", "chainId": 196,
        "verifyingContract": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8" });
    let message = Authorization {
        from: PAYER.parse().unwrap(),
        to: PAYEE.parse().unwrap(),
        value: amount.parse().unwrap(),
        valid_after: U256::ZERO,
        valid_before: U256::from(NOW + 300),
        nonce: [nonce; 32].into(),
    };
    let key = SigningKey::from_slice(&alloy_primitives::hex::decode(KEY).unwrap()).unwrap();
    let digest = message.digest(&read_domain(&domain).unwrap());
    let (signature, id) = key.sign_prehash_recoverable(&digest.0).unwrap();
    let mut bytes = signature.to_bytes().to_vec();
    bytes.push(27 + id.to_byte());
    json!({ "signature": alloy_primitives::hex::encode_prefixed(bytes), "authorization": {
        "from": PAYER, "to": PAYEE, "value": amount, "validAfter": "0",
        "validBefore": (NOW + 300).to_string(), "nonce": format!("{:#x}", message.nonce) } })
}

pub(crate) fn payment_v2(amount: &str, nonce: u8) -> Value {
    json!({ "x402Version": 2, "resource": { "url": "https://api.example.com/report" },
        "accepted": offer_v2(amount), "payload": payload(amount, nonce) })
}

pub(crate) fn payment_v1(amount: &str, nonce: u8) -> Value {
    json!({ "x402Version": 1, "scheme": "exact", "network": "eip155:196", "payload": payload(amount, nonce) })
}

/// What the ledger does with a payment that is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gets this status at once.
    Becomes(Status),
    /// It stays pending until the test says more.
    Waits,
}

struct Row {
    sale: Sale,
    entry: Entry,
    held: bool,
    token: Option<i64>,
    leased_until: Option<Instant>,
    kept: Option<Kept>,
    delivered: bool,
    interrupted: u32,
}

/// The ledger.
pub(crate) struct FakeBook {
    rows: Mutex<HashMap<String, Row>>,
    outcomes: Arc<Outcomes>,
    fate: Mutex<Fate>,
    /// Errors to answer the next calls of `submit`, `sell` and `extend` with.
    errors: Mutex<Vec<BookError>>,
    tokens: AtomicUsize,
    pub(crate) deliveries: AtomicUsize,
    pub(crate) extensions: AtomicUsize,
}

impl FakeBook {
    pub(crate) fn new(fate: Fate) -> Arc<Self> {
        let outcomes = Arc::new(Outcomes::default());
        outcomes.set_listening(true);
        Arc::new(Self {
            rows: Mutex::default(),
            outcomes,
            fate: Mutex::new(fate),
            errors: Mutex::default(),
            tokens: AtomicUsize::new(1),
            deliveries: AtomicUsize::new(0),
            extensions: AtomicUsize::new(0),
        })
    }

    pub(crate) fn outcomes(&self) -> Arc<Outcomes> {
        self.outcomes.clone()
    }

    pub(crate) fn fail_next(&self, errors: Vec<BookError>) {
        *self.errors.lock().unwrap() = errors;
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.rows
            .lock()
            .unwrap()
            .values()
            .map(|row| row.entry.clone())
            .collect()
    }

    /// Moves every payment, and says so.
    pub(crate) fn move_all(&self, status: Status) {
        let mut rows = self.rows.lock().unwrap();
        for row in rows.values_mut() {
            self.apply(row, status);
        }
    }

    /// Deliveries that somebody is at.
    pub(crate) fn claimed(&self) -> usize {
        let rows = self.rows.lock().unwrap();
        rows.values()
            .filter(|row| row.sale.delivery == Delivery::Claimed)
            .count()
    }

    /// Lets every lease run out.
    pub(crate) fn lapse_all(&self) {
        for row in self.rows.lock().unwrap().values_mut() {
            row.leased_until = None;
        }
    }

    fn apply(&self, row: &mut Row, status: Status) {
        row.sale.status = status;
        row.sale.tx_hash = match status {
            Status::Settled | Status::Submitted => Some(format!("0x{}", "ab".repeat(32))),
            _ => None,
        };
        row.sale.error_reason = (status == Status::Failed).then(|| "insufficient_balance".to_owned());
        self.outcomes.publish(Change {
            id: row.sale.id,
            status,
            tx_hash: row.sale.tx_hash.clone(),
            is_ours: false,
        });
    }

    /// `delivery` is that of a new one; `Ours` is claimed under that token.
    fn enter(&self, entry: &Entry, delivery: Delivery, terms: Option<Terms>) -> Result<Sale, BookError> {
        if let Some(error) = self.errors.lock().unwrap().pop() {
            return Err(error);
        }
        let hold = terms.is_some_and(|terms| terms.hold);
        let payment = Payment::parse(&entry.payment).unwrap();
        let mut rows = self.rows.lock().unwrap();
        let key = payment.authorization.nonce.to_string();
        let fresh = !rows.contains_key(&key);
        let next = Uuid::from_u128(rows.len() as u128 + 1);
        let row = rows.entry(key).or_insert_with(|| Row {
            sale: Sale {
                id: next,
                status: Status::Pending,
                tx_hash: None,
                payer: format!("{:#x}", payment.authorization.from),
                network: Some(payment.network),
                error_reason: None,
                delivery,
            },
            entry: entry.clone(),
            held: hold,
            token: None,
            leased_until: None,
            kept: None,
            delivered: false,
            interrupted: 0,
        });
        let binding = |e: &Entry| (e.resource.clone(), e.method.clone(), e.body_sha256.clone());
        if binding(&row.entry) != binding(entry) {
            return Err(BookError::Refused {
                sqlstate: "X4019".into(),
                reason: "duplicate_settlement".into(),
                message: "the payment is bound to another resource".into(),
            });
        }
        let sale = row.sale.clone();
        if fresh
            && let Delivery::Ours(token) = delivery
            && let Some(lease) = terms.and_then(|terms| terms.claim)
        {
            (row.token, row.sale.delivery) = (Some(token), Delivery::Claimed);
            row.leased_until = Some(Instant::now() + lease);
        }
        if fresh && !hold {
            self.decide_fate(row);
        }
        Ok(sale)
    }

    fn token(&self) -> i64 {
        self.tokens.fetch_add(1, Ordering::SeqCst) as i64
    }

    fn decide_fate(&self, row: &mut Row) {
        if let Fate::Becomes(status) = *self.fate.lock().unwrap() {
            self.apply(row, status);
        }
    }

    fn with<T>(&self, id: Uuid, act: impl FnOnce(&mut Row) -> T) -> Option<T> {
        self.rows
            .lock()
            .unwrap()
            .values_mut()
            .find(|row| row.sale.id == id)
            .map(act)
    }
}

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

fn done<'a, T: Send + 'a>(value: Result<T, BookError>) -> Reply<'a, T> {
    std::future::ready(value).boxed()
}

impl Book for FakeBook {
    fn submit<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Sale> {
        done(self.enter(entry, Delivery::None, None))
    }

    fn sell<'a>(&'a self, entry: &'a Entry, terms: Terms) -> Reply<'a, Sale> {
        let delivery = terms
            .claim
            .map_or(Delivery::Open, |_| Delivery::Ours(self.token()));
        done(self.enter(entry, delivery, Some(terms)))
    }

    fn is_recorded<'a>(&'a self, entry: &'a Entry) -> Reply<'a, bool> {
        let rows = self.rows.lock().unwrap();
        done(Ok(rows.values().any(|row| {
            row.entry.payment["payload"] == entry.payment["payload"]
        })))
    }

    fn sale(&self, id: Uuid) -> Reply<'_, Option<Sale>> {
        done(Ok(self.with(id, |row| row.sale.clone())))
    }

    fn examine<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Examined> {
        let payment = Payment::parse(&entry.payment).unwrap();
        let requirements = Requirements::parse(&entry.requirements).unwrap();
        let refusal = requirements
            .matches(&payment)
            .err()
            .map(|r| (r.code().to_owned(), r.to_string()));
        let rows = self.rows.lock().unwrap();
        let row = rows.get(&payment.authorization.nonce.to_string());
        done(Ok(Examined {
            refusal,
            indeterminate: false,
            payer: Some(format!("{:#x}", payment.authorization.from)),
            status: row.map(|row| row.sale.status),
            delivered_for: row.filter(|row| row.delivered).map(|_| Duration::from_secs(1)),
        }))
    }

    fn claim(&self, id: Uuid, lease: Duration, settled_only: bool) -> Reply<'_, Claimed> {
        let claimed = self.with(id, |row| match row.sale.delivery {
            Delivery::Answered if row.sale.status != Status::Settled => Claimed::Unpaid(row.sale.status),
            Delivery::Answered => Claimed::Answered(row.kept.clone()),
            Delivery::Claimed if row.leased_until > Some(Instant::now()) => {
                Claimed::Busy(Duration::from_secs(1))
            }
            _ if row.interrupted >= 3 => Claimed::Answered(None),
            _ if settled_only && row.sale.status != Status::Settled => Claimed::Unpaid(row.sale.status),
            _ => {
                let token = self.token();
                row.sale.delivery = Delivery::Claimed;
                row.token = Some(token);
                row.leased_until = Some(Instant::now() + lease);
                Claimed::Ours(token)
            }
        });
        done(Ok(claimed.unwrap()))
    }

    fn extend(&self, id: Uuid, token: i64, lease: Duration) -> Reply<'_, bool> {
        self.extensions.fetch_add(1, Ordering::SeqCst);
        if let Some(error) = self.errors.lock().unwrap().pop() {
            return done(Err(error));
        }
        let extended = self.with(id, |row| {
            let ours = row.sale.delivery == Delivery::Claimed && row.token == Some(token);
            if ours {
                row.leased_until = Some(Instant::now() + lease);
            }
            ours
        });
        done(Ok(extended.unwrap()))
    }

    fn answer<'a>(&'a self, id: Uuid, token: i64, answer: &'a Answer) -> Reply<'a, bool> {
        let applied = self.with(id, |row| {
            if row.token != Some(token) || row.sale.delivery != Delivery::Claimed {
                return row.token == Some(token) && row.sale.delivery == Delivery::Answered;
            }
            row.sale.delivery = Delivery::Answered;
            row.kept = answer.body.clone().map(|body| Kept {
                status: answer.status,
                headers: answer.headers.clone(),
                body,
            });
            if answer.delivered {
                row.delivered = true;
                self.deliveries.fetch_add(1, Ordering::SeqCst);
            } else if std::mem::take(&mut row.held) {
                self.decide_fate(row);
            }
            true
        });
        done(Ok(applied.unwrap()))
    }

    fn settle_now(&self, id: Uuid) -> Reply<'_, bool> {
        let was_held = self.with(id, |row| {
            let held = std::mem::take(&mut row.held);
            if held {
                self.decide_fate(row);
            }
            held
        });
        done(Ok(was_held.unwrap()))
    }

    fn mark_delivered(&self, id: Uuid) -> Reply<'_, bool> {
        let first = self
            .with(id, |row| !std::mem::replace(&mut row.delivered, true))
            .unwrap();
        if first {
            self.deliveries.fetch_add(1, Ordering::SeqCst);
        }
        done(Ok(first))
    }

    fn abandon(&self, id: Uuid, token: i64, interrupted: bool) -> Reply<'_, bool> {
        done(Ok(self
            .with(id, |row| {
                let ours = row.token == Some(token) && row.sale.delivery == Delivery::Claimed;
                if ours {
                    row.sale.delivery = Delivery::Open;
                    row.interrupted += u32::from(interrupted);
                }
                ours
            })
            .unwrap()))
    }

    fn purge(&self) -> Reply<'_, u64> {
        done(Ok(0))
    }

    fn vouched(&self) -> Reply<'_, Vec<VouchedToken>> {
        done(Ok(Vec::new()))
    }
}
