use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Reason, SettleResult, Version, settle_response, supported, verify_response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::allow::AllowList;
use super::ask::{self, Asked};
use super::auth;
use super::decide::{self, Verification};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::selling::serve::{Body, Handler};
use crate::selling::{BookError, How, Sale, Till, Verdict};

/// Longest body of a request: two messages of at most 16 KiB each, and room.
const BODY_CAP: usize = 64 * 1024;

/// What the operator laid down.
pub struct Terms {
    /// Who may ask; `None`: programs on this machine.
    pub token: Option<Secret<String>>,
    /// What is settled for; nothing before the list is made.
    pub allow: watch::Receiver<Option<Arc<AllowList>>>,
    /// How long `/settle` waits for the outcome. Shorter than the 30 s after which SDKs give up.
    pub wait: Duration,
    /// How long a payment verifies again after its success was told.
    pub replay: Duration,
    /// Whether `/verify` asks the facilitator behind us about every payment.
    pub verify_remote: bool,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
}

/// The API.
pub struct FacilitatorApi {
    terms: Terms,
    till: Till,
    metrics: Arc<Metrics>,
}

type Answered = (StatusCode, Value);

impl FacilitatorApi {
    /// An API over `till`.
    pub fn new(terms: Terms, till: Till, metrics: Arc<Metrics>) -> Self {
        Self { terms, till, metrics }
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if !auth::is_allowed(self.terms.token.as_ref(), request.headers(), peer) {
            let mut refused = respond(
                StatusCode::UNAUTHORIZED,
                &json!({ "error": "a bearer token is needed" }),
            );
            self.metrics.facilitator_answer("unauthorized");
            refused
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
        let Some(allow) = self.terms.allow.borrow().clone() else {
            return respond(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({ "error": "the facilitator is starting" }),
            );
        };
        let (status, body) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/supported") => (StatusCode::OK, supported(allow.networks())),
            (&Method::POST, "/verify") => match self.read_body(request.into_body()).await {
                Ok(body) => self.verify(&allow, &body).await,
                Err(refused) => refused,
            },
            (&Method::POST, "/settle") => match self.read_body(request.into_body()).await {
                Ok(body) => self.settle(&allow, &body).await,
                Err(refused) => refused,
            },
            (_, "/supported" | "/verify" | "/settle") => (
                StatusCode::METHOD_NOT_ALLOWED,
                json!({ "error": "GET /supported, POST /verify, POST /settle" }),
            ),
            _ => (
                StatusCode::NOT_FOUND,
                json!({ "error": "GET /supported, POST /verify, POST /settle" }),
            ),
        };
        if let Some(kind) = kind(&body) {
            self.metrics.facilitator_answer(kind);
        }
        respond(status, &body)
    }

    async fn read_body(&self, body: Incoming) -> Result<Value, Answered> {
        let refuse = |status, error: &str| Err((status, json!({ "error": error })));
        let read = timeout(self.terms.body_timeout, Limited::new(body, BODY_CAP).collect()).await;
        let bytes = match read {
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 64 KiB");
            }
            Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "the body broke off"),
            Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        };
        match serde_json::from_slice(&bytes) {
            Ok(body @ Value::Object(_)) => Ok(body),
            _ => refuse(StatusCode::BAD_REQUEST, "the body is not a JSON object"),
        }
    }

    async fn verify(&self, allow: &AllowList, body: &Value) -> Answered {
        let asked = match read(allow, body) {
            Ok(asked) => asked,
            Err((version, reason, message)) => {
                return (
                    StatusCode::OK,
                    verify_response(version, None, Some((&reason, &message))),
                );
            }
        };
        let known = match self.till.book().examine(&asked.entry).await {
            Ok(known) => known,
            Err(error) => return self.unverified(asked.version, &error),
        };
        let verdict = match decide::verification(&known, self.terms.replay, self.terms.verify_remote) {
            Verification::Known(verdict) => verdict,
            Verification::AskRemote => {
                let verifier = self.till.verifier();
                verifier
                    .ask(&asked.payment, &asked.requirements, known.indeterminate)
                    .await
            }
        };
        let payer = known.payer.as_deref();
        match &verdict {
            Verdict::Valid => (StatusCode::OK, verify_response(asked.version, payer, None)),
            Verdict::Invalid(reason, message) => {
                let refusal = Some((reason.as_str(), message.as_str()));
                (StatusCode::OK, verify_response(asked.version, payer, refusal))
            }
            Verdict::Unanswered => {
                let open = Reason::UnexpectedVerify;
                let refusal = Some((open.code(), open.to_string()));
                let refusal = refusal.as_ref().map(|(code, message)| (*code, message.as_str()));
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    verify_response(asked.version, payer, refusal),
                )
            }
        }
    }

    fn unverified(&self, version: Version, error: &BookError) -> Answered {
        if let BookError::Refused { reason, message, .. } = error {
            return (
                StatusCode::OK,
                verify_response(version, None, Some((reason, message))),
            );
        }
        warn!(%error, "a payment could not be examined");
        let open = Reason::UnexpectedVerify;
        let body = verify_response(version, None, Some((open.code(), &open.to_string())));
        (StatusCode::SERVICE_UNAVAILABLE, body)
    }

    async fn settle(&self, allow: &AllowList, body: &Value) -> Answered {
        let asked = match read(allow, body) {
            Ok(asked) => asked,
            Err((version, reason, message)) => {
                let refused = SettleResult::Refused { reason, message };
                return (StatusCode::OK, settle_response(version, &refused, None, None));
            }
        };
        let deadline = Instant::now() + self.terms.wait;
        let (entry, payment, required) = (asked.entry.clone(), &asked.payment, &asked.requirements);
        let recorded = self.till.record(entry, payment, required, How::Submit).await;
        let (status, result) = match recorded {
            Ok(sale) => {
                let sale = self.till.outcome(sale, deadline).await;
                self.note_told(&sale).await;
                (StatusCode::OK, decide::settlement(&sale))
            }
            Err(error) => {
                debug!(%error, "a payment was not recorded");
                let status = match error {
                    BookError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                    BookError::Refused { .. } | BookError::Unsure(_) => StatusCode::OK,
                };
                (status, decide::not_recorded(&error))
            }
        };
        let payer = format!("{:#x}", asked.payment.authorization.from);
        let network = Some(asked.requirements.network);
        (
            status,
            settle_response(asked.version, &result, Some(&payer), network),
        )
    }

    /// From now on this payment's success is known outside; that bounds how long it verifies again. Should
    /// the note be lost, it verifies for longer.
    async fn note_told(&self, sale: &Sale) {
        if matches!(sale.status, Status::Settled | Status::Accepted)
            && let Err(error) = self.till.book().mark_delivered(sale.id).await
        {
            warn!(payment = %sale.id, %error, "that a settlement was told could not be noted");
        }
    }
}

/// Reads a request, and holds its requirements against the operator's list.
fn read(allow: &AllowList, body: &Value) -> Result<Asked, (Version, String, String)> {
    let version = ask::version_of(body);
    let asked = ask::read(body).map_err(|reason| (version, reason.code().to_owned(), reason.to_string()))?;
    match allow.check(&asked.requirements) {
        Ok(()) => Ok(asked),
        Err(refused) => Err((version, refused.code().to_owned(), refused.to_string())),
    }
}

impl Handler for FacilitatorApi {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        self.answer(request, peer).await
    }
}

/// What kind of answer a body is, for the metrics; `None` for what is no answer about a payment.
fn kind(body: &Value) -> Option<&'static str> {
    let reason = |member: &str| body.get(member).and_then(Value::as_str).unwrap_or_default();
    let settled = |success| match reason("errorReason") {
        _ if success => "settled",
        "settlement_pending" => "pending",
        "unexpected_settle_error" => "unavailable",
        _ => "refused",
    };
    let verified = |valid| match reason("invalidReason") {
        _ if valid => "valid",
        "unexpected_verify_error" => "unavailable",
        _ => "invalid",
    };
    let flag = |member: &str| body.get(member).and_then(Value::as_bool);
    flag("success")
        .map(settled)
        .or_else(|| flag("isValid").map(verified))
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string()))
        .map_err(|never: std::convert::Infallible| -> io::Error { match never {} })
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
