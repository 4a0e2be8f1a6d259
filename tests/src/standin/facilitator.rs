use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

use super::auth::{self, Signed};
use super::calls::Call;
use super::envelope::{CodeForm, DataForm, Envelope};
use super::faults::{Effect, Fault, Say};
use super::reply::Reply;
use super::request::{BadRequest, Generation, Request};
use super::settle::{self, InFlight, Settled};
use super::status;
use super::supported;
use super::world::{SettleSeen, World};

/// An endpoint of OKX's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Supported,
    Verify,
    Settle,
    Status,
}

impl Endpoint {
    const fn name(self) -> &'static str {
        match self {
            Endpoint::Supported => "supported",
            Endpoint::Verify => "verify",
            Endpoint::Settle => "settle",
            Endpoint::Status => "status",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Endpoint::Supported | Endpoint::Status => "GET",
            Endpoint::Verify | Endpoint::Settle => "POST",
        }
    }
}

/// A request as it was read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) generation: Generation,
    pub(super) endpoint: Endpoint,
    /// With the query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Answers one call of OKX's API and writes it down.
pub(super) async fn answer(world: Arc<World>, incoming: Incoming) -> Reply {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let (nonce, payer) = Request::identity(&body);
    let target = incoming.endpoint.name();
    let call = Call {
        at: SystemTime::now(),
        instant: Instant::now(),
        signed_at: auth::signed_at(&incoming.headers),
        target: target.to_owned(),
        nonce,
        payer,
        method: None,
        answer: None,
    };
    let at = world.calls.begin(call);
    let envelope = envelope(&world, incoming.generation);
    let text = String::from_utf8_lossy(&incoming.body);
    let signed = Signed {
        method: incoming.endpoint.method(),
        path: &incoming.path,
        body: &text,
    };
    if let Err(refused) = auth::check(&world.credentials, &incoming.headers, signed) {
        world.calls.end(at, format!("code {}", refused.0));
        return Reply::Json(401, envelope.error(refused.0, refused.1));
    }
    let fault = pick(&world, target, nonce);
    let reply = match incoming.endpoint {
        Endpoint::Settle => settle(&world, &incoming, &body, &fault, envelope).await,
        _ => look_up(&world, &incoming, &body, &fault, envelope).await,
    };
    let (label, reply) = reply;
    world.calls.end(at, label);
    reply
}

fn envelope(world: &World, generation: Generation) -> Envelope {
    let settings = world.settings.lock();
    let (code, data) = match generation {
        Generation::One => (CodeForm::Text, DataForm::Array),
        Generation::Two => (CodeForm::Number, DataForm::Object),
    };
    Envelope {
        code: settings.code.unwrap_or(code),
        data: settings.data.unwrap_or(data),
    }
}

/// The fault that applies to the newest call of `target`; a healthy one if none does.
pub(super) fn pick(world: &World, target: &str, nonce: Option<alloy_primitives::B256>) -> Fault {
    let mut plan = world.plan.lock();
    if plan.rules.is_empty() {
        return Fault::default();
    }
    let call = world.calls.count(target, nonce);
    plan.pick(target, nonce, call).unwrap_or_default()
}

async fn settle(
    world: &Arc<World>,
    incoming: &Incoming,
    body: &Value,
    fault: &Fault,
    envelope: Envelope,
) -> (String, Reply) {
    let request = match Request::read(incoming.generation, body) {
        Ok(request) => request,
        Err(bad) => {
            return refuse(bad, envelope, |reason| {
                status::refusal(incoming.generation, None, reason)
            });
        }
    };
    let hook = world.hook.lock().clone();
    if let Some(hook) = hook {
        hook(SettleSeen {
            payer: request.auth.from,
            nonce: request.auth.nonce,
        })
        .await;
    }
    wait_before(world, fault).await;
    let settled = if fault.effect == Effect::None {
        None
    } else {
        Some(act(world, &request, fault))
    };
    wait_after(world, fault).await;
    let truth = status::settlement(incoming.generation, &request, settled.as_ref());
    let label = settled
        .as_ref()
        .map_or_else(|| "nothing done".to_owned(), |s| format!("{s:?}"));
    let data = match &fault.say {
        Say::Success(answer) => {
            let invented = world.chain().invented_hash();
            status::success(incoming.generation, &request, settled.as_ref(), answer, invented)
        }
        Say::Refusal(reason) => status::refusal(incoming.generation, Some(&request), reason),
        _ => truth,
    };
    let reply = said(&fault.say, envelope, data);
    (format!("{label}, {}", reply.label()), reply)
}

/// Enters the in-flight cache and moves the money. A call that is silent or slow stays in flight for as
/// long as the money has not moved.
fn act(world: &Arc<World>, request: &Request, fault: &Fault) -> Settled {
    let Some(mut flight) = InFlight::enter(world, request) else {
        return Settled::Refused("payment processing");
    };
    let slow_block = Duration::from_millis(world.settings.lock().inclusion_ms);
    let (effect, include_after) = match fault.effect {
        Effect::Included if !request.sync && !slow_block.is_zero() => (Effect::Sent, Some(slow_block)),
        effect => (effect, fault.include_after_ms.map(Duration::from_millis)),
    };
    let settled = settle::perform(world, request, effect, include_after);
    flight.keep = matches!(settled, Settled::Sent(_));
    settled
}

async fn look_up(
    world: &Arc<World>,
    incoming: &Incoming,
    body: &Value,
    fault: &Fault,
    envelope: Envelope,
) -> (String, Reply) {
    wait_before(world, fault).await;
    wait_after(world, fault).await;
    let data = match incoming.endpoint {
        Endpoint::Verify => match Request::read(incoming.generation, body) {
            Ok(request) => {
                let verdict = if world.settings.lock().verify_blindly {
                    Ok(())
                } else {
                    settle::judge(world, &request)
                };
                status::verdict(&request, verdict)
            }
            Err(bad) => return refuse(bad, envelope, status::invalid),
        },
        Endpoint::Status => status::of_hash(world, &incoming.path),
        Endpoint::Supported | Endpoint::Settle => supported::answer(incoming.generation),
    };
    let data = match &fault.say {
        Say::Refusal(reason) if incoming.endpoint == Endpoint::Verify => status::invalid(reason),
        Say::Refusal(reason) => status::not_found(reason),
        _ => data,
    };
    let reply = said(&fault.say, envelope, data);
    (reply.label(), reply)
}

fn refuse(bad: BadRequest, envelope: Envelope, data: impl FnOnce(&str) -> Value) -> (String, Reply) {
    match bad {
        BadRequest::Parameter(code, text) => (
            format!("code {code}"),
            Reply::Json(400, envelope.error(code, &text)),
        ),
        BadRequest::Refused(reason) => (
            format!("refused: {reason}"),
            Reply::Json(200, envelope.answer(data(reason))),
        ),
    }
}

/// Delay and gate before the effect.
pub(super) async fn wait_before(world: &World, fault: &Fault) {
    pause(fault.delay_before_ms).await;
    if let Some(gate) = &fault.gate_before {
        world.gates.pass(gate).await;
    }
}

/// Delay and gate between effect and answer.
pub(super) async fn wait_after(world: &World, fault: &Fault) {
    pause(fault.delay_after_ms).await;
    if let Some(gate) = &fault.gate_after {
        world.gates.pass(gate).await;
    }
}

async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

fn said(say: &Say, envelope: Envelope, data: Value) -> Reply {
    match say {
        Say::Truth | Say::Success(_) | Say::Refusal(_) => Reply::Json(200, envelope.answer(data)),
        Say::Truncated => Reply::Truncated(envelope.answer(data)),
        Say::Slow(pause) => Reply::Slow(*pause, envelope.answer(data)),
        Say::Code(status, code) => Reply::Json(*status, envelope.error(code, "error")),
        Say::RateLimited(after) => Reply::Limited(*after, envelope.error("50011", "Too Many Requests")),
        Say::Reset => Reply::Reset,
        Say::Silence => Reply::Silence,
        Say::Status(status) => Reply::Page(*status, "<html><body>upstream error</body></html>"),
        Say::Garbage => Reply::Page(200, "\u{1}\u{2}not json"),
    }
}
