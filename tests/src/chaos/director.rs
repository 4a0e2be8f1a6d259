use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until};

use super::crew::Crew;
use super::deeds::{Deed, Moment, Step, Victim};
use super::line::Line;
use super::options::Options;
use super::pulse::Pulse;
use super::shop::Shop;
use super::stage::{LEASE, Stage};
use crate::standin::SettleSeen;
use crate::standin::chain::Orphans;

/// The next deed is done without the calls that it should wait for, when none has come for so long.
const IMPATIENCE: Duration = Duration::from_secs(4);
/// How long a call is waited for that is to be held.
const HOLD: Duration = Duration::from_secs(1);
/// Deeds between two words about how far it is.
const TOLD_EVERY: usize = 25;
const CUT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sidecar' AND pid % 3 = $1";

/// What was done.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct Done {
    /// Sidecars killed.
    pub kills: usize,
    /// Of those, how many held the payment of the newest call.
    pub kills_of_the_holder: usize,
    /// Of those, how many were killed while a call waited at the facilitator.
    pub kills_in_a_call: usize,
    /// Sidecars stopped beyond their leases.
    pub pauses: usize,
    /// Crashes of Postgres.
    pub restarts: usize,
    /// Times that connections were cut.
    pub cuts: usize,
    /// Reorganisations of the chain.
    pub reorganisations: usize,
    /// Deeds done because no call came for too long.
    pub impatient: usize,
}

/// Does the deeds.
pub(super) struct Director<'a> {
    stage: &'a Stage,
    pub(super) crew: Crew,
    calls: watch::Receiver<u64>,
    line: Line,
    pub(super) done: Done,
}

impl<'a> Director<'a> {
    pub(super) fn new(stage: &'a Stage, crew: Crew) -> Director<'a> {
        Director {
            calls: stage.pulse.follow(),
            line: Line::new(&stage.database.url()),
            stage,
            crew,
            done: Done::default(),
        }
    }

    /// Does all deeds, and lets buyers in at the same pace: both end together.
    pub(super) async fn play(&mut self, steps: &[Step], shop: &Shop, options: &Options) -> Result<()> {
        let began = Instant::now();
        for (number, step) in steps.iter().enumerate() {
            // Some are always ahead, so that there is work whatever the next deed is.
            shop.admit((number + 3) * options.payments / steps.len());
            self.await_calls(step.after).await?;
            self.act(step.deed).await?;
            if (number + 1) % TOLD_EVERY == 0 {
                let (seconds, calls) = (began.elapsed().as_secs(), *self.calls.borrow());
                options.progress(&format!(
                    "{seconds:>4} s: {} of {} deeds, {calls} calls",
                    number + 1,
                    steps.len()
                ));
            }
        }
        Ok(())
    }

    async fn await_calls(&mut self, count: u64) -> Result<()> {
        let target = *self.calls.borrow_and_update() + count;
        let mut patient_until = Instant::now() + IMPATIENCE;
        while *self.calls.borrow_and_update() < target {
            let wake = self.crew.next_wake().unwrap_or(patient_until);
            tokio::select! {
                changed = self.calls.changed() => {
                    changed?;
                    patient_until = Instant::now() + IMPATIENCE;
                }
                () = sleep_until(wake.min(patient_until)) => {}
            }
            self.crew.wake(Instant::now())?;
            if Instant::now() >= patient_until {
                self.done.impatient += 1;
                return self.crew.look_after();
            }
        }
        Ok(())
    }

    async fn act(&mut self, deed: Deed) -> Result<()> {
        match deed {
            Deed::Kill(victim, moment) => self.kill(victim, moment).await?,
            Deed::Pause(seat, beyond) => {
                self.crew.pause(seat, LEASE + beyond)?;
                self.done.pauses += 1;
            }
            Deed::Restart => {
                let server = &self.stage.cluster.server;
                block_in_place(|| server.crash().and_then(|()| server.resume()))?;
                self.done.restarts += 1;
            }
            Deed::Cut(remainder) => {
                self.done.cuts += usize::from(self.line.try_run(CUT, remainder).await);
            }
            Deed::Reorganise(depth) => {
                self.stage.standin.chain().reorganise(depth, Orphans::Reinclude);
                self.done.reorganisations += 1;
            }
        }
        Ok(())
    }

    async fn kill(&mut self, victim: Victim, moment: Moment) -> Result<()> {
        let pulse: &Pulse = &self.stage.pulse;
        let (seen, held) = match moment {
            Moment::InCall => {
                let held = pulse.hold(HOLD).await;
                (held.as_ref().map(|held| held.seen.clone()), held)
            }
            Moment::After(time) => {
                sleep(time).await;
                (pulse.newest(), None)
            }
        };
        let at = self.find(victim, seen).await;
        block_in_place(|| self.crew.kill(at))?;
        self.done.kills += 1;
        self.done.kills_in_a_call += usize::from(held.is_some());
        drop(held);
        self.crew.replace(at)
    }

    async fn find(&mut self, victim: Victim, seen: Option<SettleSeen>) -> usize {
        match (victim, seen) {
            (Victim::Holder(seat), Some(seen)) => {
                let holder = self.line.holder(&seen).await;
                let found = holder.and_then(|holder| self.crew.seat_of(&holder));
                self.done.kills_of_the_holder += usize::from(found.is_some());
                found.unwrap_or(seat)
            }
            (Victim::Holder(seat) | Victim::Seat(seat), _) => seat,
        }
    }
}
