//! The fault suite: what strikes whom, and how far a payment had come by then. Each cell of the table in
//! `docs/faults.md` is a test here or in the target `e2e`, against a real cluster, real sidecar processes and
//! the stand-in.
//!
//! A worker is brought to a phase by stopping one of its statements in a proxy, or by a gate of the stand-in;
//! then the fault strikes. Each test ends with what must hold: at most one transfer, a final status with its
//! evidence, nothing left in the queue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every function here is a test's"
)]

mod clock;
mod disk;
mod document;
mod facilitator;
mod killed;
mod load;
mod network;
mod operator;
mod outcomes;
mod paused;
mod phase;
mod postgres;
mod restart;
mod stage;
mod standby;
mod table;

#[path = "../e2e/ops_support.rs"]
#[allow(dead_code, reason = "shared with the target e2e, which uses all of it")]
mod ops_support;
#[path = "../e2e/reconcile_support.rs"]
#[allow(dead_code, reason = "shared with the target e2e, which uses all of it")]
mod reconcile_support;
#[path = "../e2e/scene.rs"]
#[allow(dead_code, reason = "shared with the target e2e, which uses all of it")]
mod scene;
