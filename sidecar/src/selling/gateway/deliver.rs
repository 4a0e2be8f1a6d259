//! Getting the answer that was bought, in both orders.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{HeaderMap, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;

use super::answer::{self, full, json_answer, of_kind};
use super::asker::ASKER;
use super::body::{Taken, passing};
use super::claim::Claim;
use super::decide::{Next, next};
use super::headers::{Paid, mark_sold, to_client};
use super::relay::{Ended, Held, Out, Relay, channel, hold};
use super::sell::Purchase;
use super::service::{Gateway, failed_status};
use super::upstream::Failed;
use crate::config::Order;
use crate::selling::serve::Body;
use crate::selling::{Answer, Sale};
use insforge_protocol::ledger::Status;

/// Shortest time for which an answer is kept that waits for its payment: a buyer must be able to come back.
const WAITING_ANSWER: Duration = Duration::from_secs(900);

type Reply = Sender<Response<Body>>;

impl Gateway {
    /// Gets the answer and gives it to the buyer through `reply`, as far as the buyer is still there.
    pub(super) async fn fetch(
        &self,
        purchase: Purchase,
        body: Taken,
        sale: Sale,
        claim: &Claim,
        reply: Reply,
    ) {
        let settled = sale.status == Status::Settled;
        let paid = Paid {
            payer: &sale.payer,
            id: sale.id.to_string(),
            transaction: sale.tx_hash.as_deref(),
        };
        let asked = self
            .ask(&purchase.route, &purchase.asked, body, Some(&paid))
            .await;
        match asked {
            Err(failed) => {
                claim.abandon(false).await;
                let _ = reply.send(failure(&purchase, &sale, failed));
            }
            Ok(response) if response.status().as_u16() >= 400 => {
                claim.abandon(false).await;
                let _ = reply.send(pass_on(&purchase, &sale, response));
            }
            Ok(response) => {
                let (parts, body) = response.into_parts();
                if settled {
                    self.hand_over(
                        &purchase,
                        &sale,
                        claim,
                        Found {
                            parts,
                            head: Vec::new(),
                            body,
                        },
                        reply,
                    )
                    .await;
                } else {
                    self.hold_back(purchase, sale, claim, parts, body, reply).await;
                }
            }
        }
    }

    /// The payment is settled: the answer goes out while it comes, and its last piece once it is recorded.
    async fn hand_over(&self, purchase: &Purchase, sale: &Sale, claim: &Claim, found: Found, reply: Reply) {
        let Some(sold) = purchase.sold() else { return };
        let mut response = good(purchase, sale, &found.parts);
        let mut recorded = Answer {
            status: found.parts.status.as_u16(),
            headers: listed(purchase, &to_client(&found.parts.headers)),
            body: Some(Vec::new()),
            keep: sold.keep_answer_for,
            delivered: true,
        };
        if found.body.is_end_stream() && found.head.is_empty()
            || cannot_break_off(purchase, response.headers())
        {
            let response = whole(purchase, sale, claim, found.body, (response, recorded), &reply).await;
            let _ = reply.send(response);
            return;
        }
        let (out, body) = channel();
        *response.body_mut() = body;
        let _ = reply.send(response);
        let idle = purchase.route.idle_timeout;
        let relay = Relay {
            body: found.body,
            out,
            head: found.head,
            // Where nothing is kept there is nothing to come back for.
            cap: if sold.keep_answer_for.is_zero() {
                0
            } else {
                sold.max_kept_answer
            },
            idle,
        };
        match relay.run().await {
            Ended::Whole { out, copy: None, .. } if out.as_ref().is_none_or(Out::is_abandoned) => {
                claim.abandon(true).await;
            }
            Ended::Whole { out, last, copy } => {
                recorded.body = copy;
                if claim.answer(&recorded).await
                    && let Some(out) = out
                {
                    out.end(last, idle).await;
                }
            }
            Ended::Broken => claim.abandon(false).await,
            Ended::Abandoned => claim.abandon(true).await,
        }
    }

    /// The payment is not settled: nothing goes out before it is.
    async fn hold_back(
        &self,
        mut purchase: Purchase,
        sale: Sale,
        claim: &Claim,
        parts: Parts,
        body: Incoming,
        reply: Reply,
    ) {
        let Some(sold) = purchase.sold() else { return };
        let (wait, cap) = (sold.settle_wait, sold.max_kept_answer);
        let keep = sold.keep_answer_for.max(WAITING_ANSWER);
        let held = hold(body, cap, purchase.route.idle_timeout).await;
        purchase.deadline = Instant::now() + wait;
        match held {
            Held::Broken => {
                claim.abandon(false).await;
                let _ = reply.send(failure(&purchase, &sale, Failed::Broken));
            }
            Held::Whole(bytes) => {
                let recorded = Answer {
                    status: parts.status.as_u16(),
                    headers: listed(&purchase, &to_client(&parts.headers)),
                    body: Some(bytes.clone()),
                    keep,
                    delivered: false,
                };
                let response = if claim.answer(&recorded).await {
                    self.settle_then(&purchase, sale, &parts, bytes).await
                } else {
                    answer::open(&purchase.voice, Some(&sale), Duration::from_secs(1))
                };
                let _ = reply.send(response);
            }
            Held::TooLarge(..) if cannot_break_off(&purchase, &to_client(&parts.headers)) => {
                claim.abandon(false).await;
                let _ = reply.send(failure(&purchase, &sale, Failed::NeedsHttp11));
            }
            Held::TooLarge(head, body) => {
                let found = Found { parts, head, body };
                self.settle_large(&purchase, sale, claim, found, reply).await;
            }
        }
    }

    /// The answer is recorded: settles, and gives it if the money moved.
    async fn settle_then(
        &self,
        purchase: &Purchase,
        sale: Sale,
        parts: &Parts,
        bytes: Vec<u8>,
    ) -> Response<Body> {
        self.till.wake(&sale);
        let sale = self.till.outcome(sale, purchase.deadline).await;
        if sale.status != Status::Settled {
            return unsettled(purchase, &sale);
        }
        if let Err(error) = self.till.book().mark_delivered(sale.id).await {
            tracing::warn!(payment = %sale.id, %error, "a delivery could not be noted");
        }
        let mut response = good(purchase, &sale, parts);
        *response.body_mut() = full(bytes);
        response
    }

    /// The answer is too large to be recorded before it goes out: it waits in the upstream's connection.
    async fn settle_large(&self, purchase: &Purchase, sale: Sale, claim: &Claim, found: Found, reply: Reply) {
        let released = self.till.book().settle_now(sale.id).await;
        if let Err(error) = released {
            tracing::warn!(payment = %sale.id, %error, "a payment could not be released for settling");
        }
        self.till.wake(&sale);
        let sale = self.till.outcome(sale, purchase.deadline).await;
        if sale.status == Status::Settled {
            self.hand_over(purchase, &sale, claim, found, reply).await;
        } else {
            claim.abandon(false).await;
            let _ = reply.send(unsettled(purchase, &sale));
        }
    }
}

/// An upstream's answer, as far as it was read.
struct Found {
    parts: Parts,
    head: Vec<Bytes>,
    body: Incoming,
}

/// HTTP/1.0 tells an answer that broke off from a whole one by its length alone.
fn cannot_break_off(purchase: &Purchase, headers: &HeaderMap) -> bool {
    purchase.asked.version < Version::HTTP_11 && !headers.contains_key(CONTENT_LENGTH)
}

/// The answer in one piece, once it is read to its end and recorded.
async fn whole(
    purchase: &Purchase,
    sale: &Sale,
    claim: &Claim,
    body: Incoming,
    (mut response, mut recorded): (Response<Body>, Answer),
    reply: &Reply,
) -> Response<Body> {
    let cap = purchase.sold().map_or(0, |sold| sold.max_kept_answer);
    let failed = match hold(body, cap, purchase.route.idle_timeout).await {
        Held::Whole(_) if reply.is_closed() && recorded.keep.is_zero() => {
            claim.abandon(true).await;
            return response;
        }
        Held::Whole(bytes) => {
            recorded.body = Some(bytes.clone());
            if !claim.answer(&recorded).await {
                return answer::open(&purchase.voice, Some(sale), Duration::from_secs(1));
            }
            *response.body_mut() = full(bytes);
            return response;
        }
        // Not counted as interrupted: a proxy that speaks HTTP/1.0 must not cost a buyer its payment.
        Held::TooLarge(..) => Failed::NeedsHttp11,
        Held::Broken => Failed::Broken,
    };
    claim.abandon(false).await;
    failure(purchase, sale, failed)
}

/// The head of a sold answer.
fn good(purchase: &Purchase, sale: &Sale, parts: &Parts) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = parts.status;
    *response.headers_mut() = to_client(&parts.headers);
    mark_sold(response.headers_mut());
    purchase.voice.tell_settled(response.headers_mut(), sale);
    of_kind("delivered", response)
}

/// The upstream's own refusal, as it comes. The payment stays good for the same request.
fn pass_on(purchase: &Purchase, sale: &Sale, answer: Response<Incoming>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(passing(body, purchase.route.idle_timeout));
    *response.status_mut() = parts.status;
    *response.headers_mut() = to_client(&parts.headers);
    mark_sold(response.headers_mut());
    if sale.status == Status::Settled {
        purchase.voice.tell_settled(response.headers_mut(), sale);
    }
    of_kind("upstream_failed", response)
}

/// The upstream gave no answer. The payment stays good for the same request.
fn failure(purchase: &Purchase, sale: &Sale, failed: Failed) -> Response<Body> {
    let settled = sale.status == Status::Settled;
    let standing = if settled {
        "the payment is settled and stays good"
    } else {
        "nothing was charged, the payment stays good until it runs out"
    };
    let mut response = json_answer(
        failed_status(failed),
        &json!({ "error": format!("{failed}; {standing}: retry with the same payment"),
            "payment": sale.id.to_string() }),
    );
    if settled {
        purchase.voice.tell_settled(response.headers_mut(), sale);
    }
    of_kind("upstream_failed", response)
}

/// The money did not move, or that is not known.
fn unsettled(purchase: &Purchase, sale: &Sale) -> Response<Body> {
    match next(Order::HandleFirst, sale, true) {
        Next::Refuse(reason) => purchase.refused(&reason),
        Next::Review => answer::review(sale),
        Next::Open(after) => answer::open(&purchase.voice, Some(sale), after),
        Next::Wait | Next::Claim { .. } => answer::open(&purchase.voice, Some(sale), Duration::from_secs(3)),
    }
}

/// Headers as they are kept, with whose answer it is: the length is counted anew, and what is no text cannot
/// be kept.
fn listed(purchase: &Purchase, headers: &HeaderMap) -> Vec<(String, String)> {
    let asker = purchase
        .asker
        .iter()
        .map(|asker| (ASKER.to_owned(), asker.clone()));
    let headers = headers
        .iter()
        .filter(|(name, _)| *name != CONTENT_LENGTH)
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    asker.chain(headers).collect()
}
