//! A request for something that is sold, up to the point where its delivery is ours.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use insforge_protocol::evm::lower;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::warn;

use super::answer::{self, Voice, of_kind, problem};
use super::asker;
use super::body::{self, NotTaken, Taken};
use super::catalog::{Admission, Route, Sold};
use super::claim::{Claim, LEASE, SALE_LEASE};
use super::decide::{Next, next};
use super::headers::mark_sold;
use super::payment::{self, Sent};
use super::service::{Asked, Gateway, not_taken};
use crate::config::Order;
use crate::selling::serve::Body;
use crate::selling::{BookError, Claimed, Delivery, Entry, How, Kept, Sale, Terms};

/// How often another process's delivery is looked at.
const PEEK: Duration = Duration::from_millis(250);
/// A claim refused as unpaid that often means that the ledger and what was heard of it disagree.
const MAX_UNPAID: u32 = 3;

/// A purchase: who asks for what, and how the buyer is spoken to.
pub(super) struct Purchase {
    pub(super) route: Arc<Route>,
    pub(super) asked: Asked,
    pub(super) voice: Voice,
    pub(super) deadline: Instant,
    /// What tells the buyer from others who send the same payment.
    pub(super) asker: Option<String>,
}

impl Purchase {
    pub(super) fn sold(&self) -> Option<&Sold> {
        self.route.sold.as_ref()
    }

    /// 402, because no money moved and none can.
    pub(super) fn refused(&self, reason: &str) -> Response<Body> {
        let Some(sold) = self.sold() else {
            return problem(StatusCode::PAYMENT_REQUIRED, reason);
        };
        answer::challenge(sold.challenge(self.asked.url.clone(), reason), "refused")
    }
}

impl Gateway {
    /// Sells.
    pub(super) async fn sold(
        self: &Arc<Self>,
        route: &Arc<Route>,
        sold: &Sold,
        asked: Asked,
        body: Incoming,
    ) -> Response<Body> {
        let challenge = |error: &str, kind| answer::challenge(sold.challenge(asked.url.clone(), error), kind);
        let sent = match payment::read(&asked.headers) {
            Ok(Some(sent)) => sent,
            Ok(None) => return challenge("Payment required", "challenge"),
            Err(unreadable) => return problem(StatusCode::BAD_REQUEST, &unreadable.to_string()),
        };
        let admission = sold.admit(&sent.message, self.clock.unix_ms() / 1000);
        let (payment, offer) = match admission {
            Admission::Malformed(reason) => return problem(StatusCode::BAD_REQUEST, &reason.to_string()),
            Admission::Refused(reason) => {
                return challenge(&format!("{}: {reason}", reason.code()), "refused");
            }
            Admission::Admitted { payment, offer, .. } => (payment, offer),
        };
        let (body, body_sha256) = match take(sold, route, body).await {
            Ok(taken) => taken,
            Err(refused) => return not_taken(refused),
        };
        let requirements = sold.requirements(offer);
        let Sent {
            message,
            in_v1_header,
        } = sent;
        let asker = asker::of(&asked.headers, &message);
        let entry = Entry {
            payment: message,
            requirements: requirements.raw.clone(),
            resource: asked.resource.clone(),
            method: Some(asked.method.to_string()),
            body_sha256,
            verified: false,
        };
        let how = How::Sell(Terms {
            hold: sold.order == Order::HandleFirst,
            max_unsettled: sold.max_unsettled,
            claim: Some(SALE_LEASE),
        });
        let at = Instant::now();
        let purchase = Purchase {
            route: route.clone(),
            voice: Voice {
                version: payment.version,
                in_v1_header,
                network: payment.network,
                payer: lower(payment.authorization.from),
            },
            deadline: at + sold.settle_wait,
            asker,
            asked,
        };
        match self.till.record(entry, &payment, requirements, how).await {
            Ok(sale) => {
                let reserved = match sale.delivery {
                    Delivery::Ours(token) => Some(self.claimed(&sale, token, at + SALE_LEASE / 2)),
                    _ => None,
                };
                self.proceed(purchase, body, sale, sold, reserved).await
            }
            Err(error) => not_recorded(&purchase, &error),
        }
    }

    /// A claim of ours; others here who want the same answer wait for its end.
    fn claimed(&self, sale: &Sale, token: i64, extend_at: Instant) -> Claim {
        let flight = self.flights.begin(sale.id);
        Claim::new(
            self.till.book().clone(),
            (sale.id, token),
            extend_at,
            self.tasks.clone(),
            flight,
        )
    }

    /// From a recorded payment to an answer. `reserved`: the delivery was claimed with the sale.
    async fn proceed(
        self: &Arc<Self>,
        purchase: Purchase,
        body: Taken,
        mut sale: Sale,
        sold: &Sold,
        mut reserved: Option<Claim>,
    ) -> Response<Body> {
        let (mut waited, mut unpaid) = (false, 0);
        loop {
            let settled_only = match next(sold.order, &sale, waited) {
                Next::Wait => {
                    sale = self.till.outcome(sale, purchase.deadline).await;
                    waited = true;
                    continue;
                }
                Next::Claim { settled_only } => settled_only,
                Next::Refuse(reason) => return purchase.refused(&reason),
                Next::Open(after) => return answer::open(&purchase.voice, Some(&sale), after),
                Next::Review => return answer::review(&sale),
            };
            if let Some(claim) = reserved.take()
                && claim.is_ours().await
            {
                return self.deliver(purchase, body, sale, claim).await;
            }
            let at = Instant::now();
            match self.till.book().claim(sale.id, LEASE, settled_only).await {
                Ok(Claimed::Ours(token)) => {
                    let claim = self.claimed(&sale, token, at + LEASE / 2);
                    return self.deliver(purchase, body, sale, claim).await;
                }
                Ok(Claimed::Answered(kept)) => return self.replay(&purchase, &sale, kept).await,
                Ok(Claimed::Busy(left)) => {
                    if Instant::now() >= purchase.deadline {
                        return answer::open(&purchase.voice, Some(&sale), left.min(Duration::from_secs(5)));
                    }
                    let ended = self.flights.ended(sale.id, PEEK);
                    let _ = tokio::time::timeout_at(purchase.deadline, ended).await;
                }
                Ok(Claimed::Unpaid(status)) if unpaid < MAX_UNPAID => {
                    unpaid += 1;
                    sale.status = status;
                    sale.delivery = Delivery::Answered;
                }
                Ok(Claimed::Unpaid(_)) => {
                    return answer::open(&purchase.voice, Some(&sale), Duration::from_secs(3));
                }
                Err(error) => {
                    warn!(payment = %sale.id, %error, "a delivery could not be claimed");
                    return answer::open(&purchase.voice, Some(&sale), Duration::from_secs(1));
                }
            }
        }
    }

    /// The delivery is ours. It goes on even if the buyer goes away: the answer is kept, and can be fetched
    /// with the same payment.
    async fn deliver(
        self: &Arc<Self>,
        purchase: Purchase,
        body: Taken,
        sale: Sale,
        claim: Claim,
    ) -> Response<Body> {
        let voice = purchase.voice.clone();
        let known = sale.clone();
        let (reply, answered) = oneshot::channel();
        let gateway = self.clone();
        self.tasks.spawn("delivery", async move {
            claim
                .during(gateway.fetch(purchase, body, sale, &claim, reply))
                .await;
        });
        match answered.await {
            Ok(response) => response,
            Err(_) => answer::open(&voice, Some(&known), Duration::from_secs(1)),
        }
    }

    /// Gives an answer again that was given before, or that waited for its payment.
    async fn replay(&self, purchase: &Purchase, sale: &Sale, kept: Option<Kept>) -> Response<Body> {
        let Some(kept) = kept else {
            return answer::used(&purchase.voice, sale);
        };
        if !asker::may_have(&kept.headers, purchase.asker.as_deref()) {
            return answer::anothers(&purchase.voice, sale);
        }
        if let Err(error) = self.till.book().mark_delivered(sale.id).await {
            warn!(payment = %sale.id, %error, "a delivery could not be noted");
        }
        let mut response = Response::new(answer::full(kept.body));
        *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        for (name, value) in kept.headers {
            if let (Ok(name), Ok(value)) = (
                http::HeaderName::try_from(name),
                http::HeaderValue::try_from(value),
            ) {
                headers.append(name, value);
            }
        }
        mark_sold(headers);
        purchase.voice.tell_settled(headers, sale);
        of_kind("replayed", response)
    }
}

/// A payment is bound to the body of its request, which is then read whole.
async fn take(sold: &Sold, route: &Route, body: Incoming) -> Result<(Taken, Option<String>), NotTaken> {
    if sold.bind_body {
        body::whole(body, route.max_request_body, route.idle_timeout).await
    } else {
        Ok((
            body::coming(body, route.max_request_body, route.idle_timeout)?,
            None,
        ))
    }
}

fn not_recorded(purchase: &Purchase, error: &BookError) -> Response<Body> {
    match error {
        BookError::Refused { message, .. } if error.is_limit() => {
            let mut response = problem(StatusCode::TOO_MANY_REQUESTS, message);
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"));
            response
        }
        // The payment belongs to another purchase. A challenge would be right for this one, but the client
        // believes that it has paid: it must be told, or it pays again and again.
        BookError::Refused {
            sqlstate, message, ..
        } if sqlstate == "X4019" => problem(StatusCode::CONFLICT, message),
        BookError::Refused { reason, message, .. } => purchase.refused(&format!("{reason}: {message}")),
        BookError::Unsure(why) => {
            warn!(error = %why, "whether a payment was recorded is not known");
            answer::open(&purchase.voice, None, Duration::from_secs(1))
        }
        BookError::Unavailable(why) => {
            warn!(error = %why, "a payment could not be recorded");
            answer::unavailable("the payment could not be taken", Duration::from_secs(1))
        }
    }
}
