//! The stand-in's controls as JSON: what the in-process handle offers, for another process.
//!
//! `POST /_standin` with one [`Command`]; `GET /_standin/calls`, `/transfers`, `/head`.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use alloy_primitives::{Address, B256, U256};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain::{Action, Orphans, Tag};
use super::faults::Rule;
use super::world::{Settings, World};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Adds fault rules.
    Faults(Vec<Rule>),
    /// Removes all fault rules.
    ClearFaults,
    /// Seeds the rules with a probability.
    Seed(u64),
    /// Replaces the settings.
    Settings(Box<Settings>),
    /// Opens a gate.
    OpenGate(String),
    /// Adds empty blocks.
    Mine(u64),
    /// Moves the clock by seconds.
    Advance(i64),
    /// Includes everything that waits in the mempool.
    IncludeAll,
    /// Replaces the newest blocks: how many, and what becomes of their transactions
    /// (`wait`, `reinclude`, `drop`).
    Reorganise(u64, String),
    /// Sets a balance: token, holder, amount in decimal.
    Fund(Address, Address, String),
    /// Cancels a nonce on chain, as its owner would: token, payer, nonce.
    Cancel(Address, Address, B256),
}

/// Handles `POST /_standin`.
pub(super) async fn command(
    State(world): State<Arc<World>>,
    Json(command): Json<Command>,
) -> Result<Json<Value>, (StatusCode, String)> {
    obey(&world, command)
        .map(|()| Json(json!({"ok": true})))
        .map_err(|why| (StatusCode::BAD_REQUEST, why))
}

fn obey(world: &World, command: Command) -> Result<(), String> {
    match command {
        Command::Faults(rules) => world.plan.lock().rules.extend(rules),
        Command::ClearFaults => world.plan.lock().rules.clear(),
        Command::Seed(seed) => world.plan.lock().seed = seed,
        Command::Settings(settings) => *world.settings.lock() = *settings,
        Command::OpenGate(name) => world.gates.open(&name),
        Command::Mine(count) => world.chain().mine(count),
        Command::Advance(seconds) => world.clock.advance(seconds),
        Command::IncludeAll => world.chain().include_all(),
        Command::Reorganise(depth, orphans) => {
            let orphans = match orphans.as_str() {
                "wait" => Orphans::Wait,
                "reinclude" => Orphans::Reinclude,
                "drop" => Orphans::Drop,
                other => return Err(format!("{other:?} is none of wait, reinclude, drop")),
            };
            world.chain().reorganise(depth, orphans);
        }
        Command::Fund(token, holder, amount) => {
            let amount: U256 = amount.parse().map_err(|_| format!("{amount:?} is no amount"))?;
            world.chain().fund(token, holder, amount);
        }
        Command::Cancel(token, payer, nonce) => {
            let mut chain = world.chain();
            let hash = chain.send(payer, vec![Action::Cancel(token, payer, nonce)]);
            chain.include(hash);
        }
    }
    Ok(())
}

/// Handles `GET /_standin/{view}`.
pub(super) async fn view(
    State(world): State<Arc<World>>,
    Path(view): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    match view.as_str() {
        "calls" => Ok(Json(calls(&world))),
        "transfers" => Ok(Json(transfers(&world))),
        "head" => Ok(Json(head(&world))),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

fn calls(world: &World) -> Value {
    let one = |call: super::calls::Call| {
        let at = call.at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        json!({
            "at_unix_us": u64::try_from(at).unwrap_or(u64::MAX), "target": call.target, "nonce": call.nonce,
            "payer": call.payer, "method": call.method, "answer": call.answer,
        })
    };
    world.calls.all().into_iter().map(one).collect()
}

fn transfers(world: &World) -> Value {
    let one = |seen: super::chain::TransferSeen| {
        json!({
            "token": seen.token, "from": seen.from, "to": seen.to, "value": seen.value.to_string(),
            "nonce": seen.nonce, "tx": seen.tx, "log_index": seen.log_index, "block": seen.block,
        })
    };
    world.chain().transfers().into_iter().map(one).collect()
}

fn head(world: &World) -> Value {
    let chain = world.chain();
    json!({
        "latest": chain.resolve(Tag::Latest), "safe": chain.resolve(Tag::Safe),
        "finalized": chain.resolve(Tag::Finalized), "time": chain.now(),
    })
}
