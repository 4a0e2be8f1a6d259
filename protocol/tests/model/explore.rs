//! The search: every world that can be reached, and what must hold in each.

use std::collections::HashSet;

use insforge_protocol::ledger::Status;

use crate::facilitator::mempool;
use crate::ledger::{claim, lease_ends, seen_on_chain};
use crate::task::{Memory, Step, steps};
use crate::world::{Chain, Model, STRANGER, Task, Time, World};

/// What the search came to.
pub(crate) enum Found {
    Nothing { states: usize },
    Broken { rule: &'static str, run: Vec<String> },
}

/// A world with the way it was reached.
struct Visit {
    world: World,
    from: usize,
    label: String,
}

pub(crate) fn explore(model: Model) -> Found {
    let memory = Memory::default();
    let mut known = HashSet::from([World::START]);
    let mut visits = vec![Visit {
        world: World::START,
        from: 0,
        label: "pending".to_owned(),
    }];
    let mut next = 0;
    while next < visits.len() {
        let world = visits[next].world;
        if let Some(rule) = broken_rule(&world, model) {
            let run = run_to(&visits, next);
            return Found::Broken { rule, run };
        }
        for (to, label) in moves(&world, model, &memory) {
            if known.insert(to.canonical()) {
                visits.push(Visit {
                    world: to.canonical(),
                    from: next,
                    label,
                });
            }
        }
        next += 1;
    }
    match (0..visits.len()).find(|at| !ends(visits[*at].world, model, &memory)) {
        Some(at) => Found::Broken {
            rule: "once faults stop, it does not come to its right end",
            run: run_to(&visits, at),
        },
        None => Found::Nothing { states: visits.len() },
    }
}

fn moves(world: &World, model: Model, memory: &Memory) -> Vec<(World, String)> {
    let mut all: Vec<(World, String)> = Vec::new();
    let mut push = |to: Option<World>, label: &str| {
        if let Some(to) = to {
            all.push((to, format!("{label} → {:?} {:?}", to.row.status, to.tasks)));
        }
    };
    for who in 0..2 {
        if world.tasks[who] == Task::Idle {
            push(claim(world, who), "claims");
        } else {
            push(Some(world.with_task(who, Task::Idle)), "crashes");
        }
        for Step { to, label } in steps(world, who, model, memory) {
            push(Some(to), label);
        }
    }
    push(lease_ends(world), "a lease runs out");
    if model.chain {
        push(seen_on_chain(world, model), "the scan finds the transfer");
    }
    for (chain, label) in mempool(&world.chain) {
        push(Some(World { chain, ..*world }), label);
    }
    push(later(world), "time passes");
    if model.strangers && world.chain.time == Time::Alive && world.chain.used_by.is_none() {
        let chain = Chain {
            used_by: Some(STRANGER),
            ..world.chain
        };
        push(Some(World { chain, ..*world }), "a stranger submits it");
    }
    all
}

/// Nothing is mined any more once the authorization is over.
fn later(world: &World) -> Option<World> {
    let time = match world.chain.time {
        Time::Alive => Time::Over,
        Time::Over => Time::Final,
        Time::Final => return None,
    };
    let chain = Chain {
        time,
        waiting: 0,
        ..world.chain
    };
    Some(World { chain, ..*world })
}

fn broken_rule(world: &World, model: Model) -> Option<&'static str> {
    let (row, used_by) = (&world.row, world.chain.used_by);
    let unpaid = matches!(row.status, Status::Failed | Status::Expired);
    // A payment that was never sent may be closed although a stranger sent it: the scan finds that.
    let by_stranger = used_by == Some(STRANGER);
    if unpaid && used_by.is_some() && !by_stranger {
        Some("it is closed as unpaid, and the chain has the transfer")
    } else if unpaid && world.chain.waiting != 0 {
        Some("it is closed as unpaid, and a transaction is on its way")
    } else if row.status == Status::Settled && row.named != used_by {
        Some("it is settled by a transaction that did not pay")
    } else if world.settled_with.is_some() && world.settled_with != used_by {
        Some("two transfers are recorded for one authorization")
    } else if world.settled_with.is_some() && unpaid {
        Some("a settled payment was closed as unpaid")
    } else if row.status == Status::Review && !(model.strangers && used_by.is_some()) {
        Some("a person is asked without need")
    } else {
        None
    }
}

/// Whether a world comes to an end, and to the right one, once faults stop: tasks do what they were about to do
/// and hear the worst answer, leases of the dead run out, time passes, and one worker goes on looking.
fn ends(mut world: World, model: Model, memory: &Memory) -> bool {
    for _ in 0..2 {
        for who in 0..2 {
            while world.tasks[who] != Task::Idle {
                world = calm_step(&world, who, model, memory);
            }
        }
        for _ in 0..4 {
            world = lease_ends(&world).unwrap_or(world);
            let Some(claimed) = claim(&world, 0) else { break };
            world = claimed;
            while world.tasks[0] != Task::Idle {
                world = calm_step(&world, 0, model, memory);
            }
        }
        while let Some(next) = later(&world) {
            world = next;
        }
    }
    if model.chain {
        world = seen_on_chain(&world, model).unwrap_or(world);
    }
    let right = match (world.row.status, world.chain.used_by) {
        (Status::Settled, Some(tx)) => world.row.named == Some(tx),
        (Status::Review, Some(tx)) => tx == STRANGER,
        (Status::Failed | Status::Expired, None) => true,
        // Without a chain, what is open stays open, for a person to see.
        (Status::Unknown | Status::Submitted, _) => !model.chain,
        _ => false,
    };
    right && broken_rule(&world, model).is_none()
}

/// The step without a fault; of a call, that nothing is heard and nothing was sent.
fn calm_step(world: &World, who: usize, model: Model, memory: &Memory) -> World {
    let all = steps(world, who, model, memory);
    let silent = all.iter().find(|step| step.label == "5xx, nothing sent");
    silent.unwrap_or(&all[0]).to
}

fn run_to(visits: &[Visit], mut at: usize) -> Vec<String> {
    let mut run = Vec::new();
    while at != 0 {
        run.push(visits[at].label.clone());
        at = visits[at].from;
    }
    run.reverse();
    run
}
