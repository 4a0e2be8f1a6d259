//! What the functions of the `x402` schema do to a row.

use insforge_protocol::ledger::{Reported, Status, is_allowed, next_status, seen_status};

use crate::world::{Model, Report, Row, Seen, Task, Time, World};

/// `x402.claim`: the lease is free or has run out, and the row is worth working on.
pub(crate) fn claim(world: &World, who: usize) -> Option<World> {
    let row = &world.row;
    let free = row.holder.is_none() || !row.live;
    if !free || world.is_closed() || row.status == Status::Accepted {
        return None;
    }
    let interrupted = row.status == Status::Settling;
    let mut next = *world;
    next.row = Row {
        status: if interrupted { Status::Unknown } else { row.status },
        uncertain: row.uncertain || interrupted,
        holder: Some(who),
        live: true,
        ..*row
    };
    let seen = Seen {
        status: next.row.status,
        named: row.named,
        attempts: row.attempts,
    };
    Some(next.with_task(who, Task::Claimed(seen)))
}

/// `x402.begin_settle`: the intent, before the call.
pub(crate) fn begin(world: &World, who: usize, model: Model) -> World {
    let row = &world.row;
    let held = row.holder == Some(who) && row.live || !model.fenced;
    let sendable = matches!(row.status, Status::Pending | Status::Unknown);
    if !held || !sendable {
        return world.with_task(who, Task::Idle);
    }
    let mut next = *world;
    next.row.status = Status::Settling;
    next.row.attempts += 1;
    next.with_task(who, Task::Begun(next.row.attempts))
}

/// `x402.finish`. Only the token decides, as in SQL: a lease that ran out and was taken by nobody still counts.
pub(crate) fn finish(world: &World, who: usize, report: Report, model: Model) -> World {
    let row = &world.row;
    let applies = row.holder == Some(who) || !model.fenced && !world.is_closed();
    if !applies {
        return *world;
    }
    let reported = Reported {
        word: report.word,
        class: report.class,
        uncertain: row.uncertain,
        proven: report.tx.is_some(),
        disputed: false,
    };
    let mut next = *world;
    let status = next_status(row.status, &reported);
    assert!(
        status == row.status || is_allowed(row.status, status),
        "{report:?} on {row:?}"
    );
    next.row = Row {
        status,
        uncertain: row.uncertain || status == Status::Unknown,
        named: report.tx.or(row.named),
        holder: None,
        live: false,
        ..*row
    };
    settle(next)
}

/// `x402.record_transfers`: the scan of incoming transfers found the payment's, once.
pub(crate) fn seen_on_chain(world: &World, model: Model) -> Option<World> {
    let tx = world.chain.used_by.filter(|_| !world.scanned)?;
    let mut next = *world;
    next.scanned = true;
    let Some(status) = seen_status(world.row.status) else {
        next.row.uncertain |= model.doubts && world.row.status == Status::Settling;
        return Some(next);
    };
    next.row = Row {
        status,
        named: Some(tx),
        holder: None,
        live: false,
        ..world.row
    };
    Some(settle(next))
}

/// The lease runs out.
pub(crate) fn lease_ends(world: &World) -> Option<World> {
    let mut next = *world;
    next.row.live = false;
    (world.row.live && world.row.holder.is_some()).then_some(next)
}

/// A pending payment whose time is over is closed without a call, by whoever claims it.
pub(crate) fn is_over(world: &World) -> bool {
    world.chain.time > Time::Alive
}

fn settle(mut world: World) -> World {
    if world.row.status == Status::Settled {
        world.settled_with = world.settled_with.or(world.row.named);
    }
    world
}
