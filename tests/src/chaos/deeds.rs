use std::time::Duration;

use super::chance::Chance;
use super::options::Options;

/// Who is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// The sidecar on this seat.
    Seat(usize),
    /// The sidecar that holds the payment of the newest call, wherever it sits; else this seat.
    Holder(usize),
}

/// When a sidecar is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// While the next call waits at the facilitator, which goes on with it afterwards.
    InCall,
    /// So much after a call has arrived: before its answer, before what it says is recorded, or after.
    After(Duration),
}

/// Something that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// SIGKILL, and another sidecar on the same seat.
    Kill(Victim, Moment),
    /// SIGSTOP; SIGCONT when its leases have run out and this much more time is over.
    Pause(usize, Duration),
    /// Postgres stops as by a crash, and starts again.
    Restart,
    /// The sidecars' connections whose process id leaves this remainder of three are cut.
    Cut(i32),
    /// So many of the newest blocks are replaced.
    Reorganise(u64),
}

/// A deed, and after how many calls of `/settle` since the last deed it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) after: u64,
    pub(super) deed: Deed,
}

/// Draws all deeds in their order.
pub(super) fn draw(options: &Options, chance: Chance) -> Vec<Step> {
    let kinds: [(usize, fn(Chance, usize, u64) -> Deed); 5] = [
        (options.kills, kill),
        (options.restarts, |_, _, _| Deed::Restart),
        (options.pauses, pause),
        (options.cuts, cut),
        (options.reorganisations, |chance, number, _| {
            Deed::Reorganise(chance.between("depth", number, 1, 2))
        }),
    ];
    let seats = u64::from(options.sidecars);
    let all = kinds
        .into_iter()
        .flat_map(|(count, draw)| (0..count).map(move |number| draw(chance, number, seats)));
    let mut deeds: Vec<Deed> = all.collect();
    chance.shuffle("order", &mut deeds);
    // Each payment is called for once at least: these many calls will come.
    let most = (options.payments / deeds.len().max(1)).clamp(1, 8) as u64;
    let step = |(number, deed)| Step {
        after: chance.between("after", number, 1, most),
        deed,
    };
    deeds.into_iter().enumerate().map(step).collect()
}

fn seat(chance: Chance, name: &str, number: usize, seats: u64) -> usize {
    usize::try_from(chance.below(name, number, seats)).unwrap_or(0)
}

fn kill(chance: Chance, number: usize, seats: u64) -> Deed {
    let seat = seat(chance, "killed", number, seats);
    let victim = match chance.below("victim", number, 3) {
        0 => Victim::Seat(seat),
        _ => Victim::Holder(seat),
    };
    let moment = match chance.below("moment", number, 5) {
        0 | 1 => Moment::InCall,
        2 => Moment::After(Duration::ZERO),
        _ => Moment::After(Duration::from_millis(chance.between("millis", number, 1, 30))),
    };
    Deed::Kill(victim, moment)
}

fn pause(chance: Chance, number: usize, seats: u64) -> Deed {
    let beyond = Duration::from_millis(chance.between("beyond", number, 200, 1_500));
    Deed::Pause(seat(chance, "paused", number, seats), beyond)
}

fn cut(chance: Chance, number: usize, _: u64) -> Deed {
    Deed::Cut(i32::try_from(chance.below("cut", number, 3)).unwrap_or(0))
}
