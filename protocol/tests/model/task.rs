//! The steps of a worker.

use std::cell::RefCell;
use std::collections::HashMap;

use insforge_protocol::evidence::Decision;
use insforge_protocol::ledger::{Status, Word};

use crate::chain::{decided, is_reconciled, tx_of};
use crate::facilitator::{calls, not_sent, unknown};
use crate::ledger::{begin, finish, is_over};
use crate::world::{Chain, Model, Report, Seen, Task, World};

/// A step and whether it happens without a fault.
pub(crate) struct Step {
    pub(crate) to: World,
    pub(crate) label: &'static str,
}

fn step(to: World, label: &'static str) -> Step {
    Step { to, label }
}

/// What one task can do next, apart from crashing.
pub(crate) fn steps(world: &World, who: usize, model: Model, memory: &Memory) -> Vec<Step> {
    match world.tasks[who] {
        Task::Idle => Vec::new(),
        Task::Claimed(seen) if seen.status == Status::Pending => pending(world, who, model),
        Task::Claimed(seen) => vec![reconciled(world, who, seen, model, memory)],
        Task::Begun(tx) => {
            let mut all: Vec<_> = calls(&world.chain, tx, model)
                .into_iter()
                .map(|(chain, report, label)| {
                    let told = world.with_task(who, Task::Reporting(report));
                    step(World { chain, ..told }, label)
                })
                .collect();
            let held = world.row.holder == Some(who) && world.row.live;
            if !held {
                all.push(reporting(
                    world,
                    who,
                    not_sent(),
                    "notices that its lease is lost",
                ));
            }
            all
        }
        Task::Reporting(report) => {
            let written = finish(world, who, report, model);
            vec![
                step(written.with_task(who, Task::Idle), "writes"),
                step(
                    written.with_task(who, Task::Unacknowledged(report)),
                    "writes, hears no answer",
                ),
            ]
        }
        Task::Unacknowledged(report) => {
            let written = finish(world, who, report, model);
            vec![step(written.with_task(who, Task::Idle), "writes again")]
        }
    }
}

/// The settler: sends it while there is time, closes it when there is none.
fn pending(world: &World, who: usize, model: Model) -> Vec<Step> {
    if is_over(world) {
        let report = Report::of(Word::Expired);
        return vec![reporting(world, who, report, "finds it run out, never sent")];
    }
    let late = reporting(world, who, not_sent(), "finds too little time left");
    if world.row.attempts >= crate::world::ATTEMPTS {
        return vec![late];
    }
    vec![step(begin(world, who, model), "commits the intent"), late]
}

/// The reconciler: looks, and does what `decide` says.
fn reconciled(world: &World, who: usize, seen: Seen, model: Model, memory: &Memory) -> Step {
    assert!(is_reconciled(seen.status), "{seen:?}");
    match memory.decide(seen, &world.chain, model) {
        Next::Send => step(begin(world, who, model), "commits the intent to send it again"),
        Next::Report(report, label) => reporting(world, who, report, label),
    }
}

fn reporting(world: &World, who: usize, report: Report, label: &'static str) -> Step {
    step(world.with_task(who, Task::Reporting(report)), label)
}

#[derive(Clone, Copy)]
enum Next {
    Send,
    Report(Report, &'static str),
}

/// Decisions already made: few inputs, many worlds.
#[derive(Default)]
pub(crate) struct Memory(RefCell<HashMap<(Seen, Chain), Next>>);

impl Memory {
    fn decide(&self, seen: Seen, chain: &Chain, model: Model) -> Next {
        *self
            .0
            .borrow_mut()
            .entry((seen, *chain))
            .or_insert_with(|| next(seen, &decided(seen, chain, model)))
    }
}

fn next(seen: Seen, decision: &Decision) -> Next {
    let named = |word, hash| Report {
        tx: Some(tx_of(hash)),
        ..Report::of(word)
    };
    match decision {
        Decision::Settled(proof) => Next::Report(named(Word::Settled, proof.tx_hash), "finds the proof"),
        Decision::Submitted { tx_hash, .. } => {
            Next::Report(named(Word::Submitted, *tx_hash), "finds the transaction")
        }
        Decision::Resend if seen.status == Status::Unknown => Next::Send,
        Decision::Resend => Next::Report(unknown(None), "finds the transaction gone"),
        Decision::Expired { .. } => Next::Report(Report::of(Word::Lapsed), "finds it unused for good"),
        Decision::Failed { .. } => Next::Report(Report::of(Word::Canceled), "finds it cancelled"),
        Decision::Review { .. } => Next::Report(Report::of(Word::Contradicted), "finds it odd"),
        Decision::Wait(_) => Next::Report(Report::of(Word::Waiting), "learns nothing"),
    }
}
