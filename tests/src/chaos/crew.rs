use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::process::Signal;
use crate::sidecar::{Plan, Sidecar};

/// The sidecars that run, each on a seat that is filled again when it is killed.
pub(super) struct Crew {
    seats: Vec<Seat>,
    logs: Option<PathBuf>,
    /// How those ended that nobody killed: they should not.
    pub(super) ended: Vec<String>,
}

struct Seat {
    plan: Plan,
    generation: u32,
    sidecar: Sidecar,
    paused_until: Option<Instant>,
}

impl Crew {
    /// Starts a sidecar on each seat, and waits until all are ready.
    pub(super) async fn start(plans: Vec<Plan>, logs: Option<PathBuf>) -> Result<Crew> {
        if let Some(folder) = &logs {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut seats = Vec::new();
        for (at, plan) in plans.into_iter().enumerate() {
            let sidecar = plan
                .clone()
                .set("INSFORGE_SIDECAR_WORKER", &name(at, 0))
                .start()
                .await?;
            seats.push(Seat {
                plan,
                generation: 0,
                sidecar,
                paused_until: None,
            });
        }
        Ok(Crew {
            seats,
            logs,
            ended: Vec::new(),
        })
    }

    /// The seat of the worker of this name, if it still sits there.
    pub(super) fn seat_of(&self, worker: &str) -> Option<usize> {
        (0..self.seats.len()).find(|at| name(*at, self.seats[*at].generation) == worker)
    }

    /// Kills the sidecar on a seat.
    pub(super) fn kill(&mut self, at: usize) -> Result<()> {
        self.look(at)?;
        self.seats[at].sidecar.process().kill()
    }

    /// Puts another sidecar on the seat of a dead one; it is not waited for.
    pub(super) fn replace(&mut self, at: usize) -> Result<()> {
        self.keep_log(at)?;
        let seat = &mut self.seats[at];
        seat.generation += 1;
        seat.paused_until = None;
        let name = name(at, seat.generation);
        seat.sidecar = seat.plan.clone().set("INSFORGE_SIDECAR_WORKER", &name).launch()?;
        Ok(())
    }

    /// Stops the sidecar on a seat for a time; see [`Crew::wake`].
    pub(super) fn pause(&mut self, at: usize, time: Duration) -> Result<()> {
        self.look(at)?;
        let seat = &mut self.seats[at];
        seat.sidecar.process().signal(Signal::STOP)?;
        seat.paused_until = Some(Instant::now() + time);
        Ok(())
    }

    /// When the next paused sidecar is to go on.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.seats.iter().filter_map(|seat| seat.paused_until).min()
    }

    /// Lets those go on whose pause is over by `now`.
    pub(super) fn wake(&mut self, now: Instant) -> Result<()> {
        let over = |seat: &&mut Seat| seat.paused_until.is_some_and(|until| until <= now);
        for seat in self.seats.iter_mut().filter(over) {
            seat.paused_until = None;
            seat.sidecar.process().signal(Signal::CONT)?;
        }
        Ok(())
    }

    /// Lets all go on, whenever their pause would be over.
    pub(super) fn wake_all(&mut self) -> Result<()> {
        let last = self.seats.iter().filter_map(|seat| seat.paused_until).max();
        last.map_or(Ok(()), |last| self.wake(last))
    }

    /// Notes it, and fills the seat again, if its sidecar has ended by itself.
    fn look(&mut self, at: usize) -> Result<()> {
        let seat = &self.seats[at];
        if let Some(status) = seat.sidecar.process().ended()? {
            let lines = seat.sidecar.log().lines();
            let last = lines[lines.len().saturating_sub(3)..].join(" / ");
            self.ended.push(format!(
                "{} ended by itself, {status}: {last}",
                name(at, seat.generation)
            ));
            self.replace(at)?;
        }
        Ok(())
    }

    /// Looks after all of them.
    pub(super) fn look_after(&mut self) -> Result<()> {
        (0..self.seats.len()).try_for_each(|at| self.look(at))
    }

    /// Kills all: it is over.
    pub(super) fn dismiss(&mut self) -> Result<()> {
        self.look_after()?;
        (0..self.seats.len()).try_for_each(|at| {
            self.seats[at].sidecar.process().kill()?;
            self.keep_log(at)
        })
    }

    fn keep_log(&self, at: usize) -> Result<()> {
        let Some(folder) = &self.logs else { return Ok(()) };
        let seat = &self.seats[at];
        let file = folder.join(format!("{}.log", name(at, seat.generation)));
        std::fs::write(&file, seat.sidecar.log().text()).with_context(|| file.display().to_string())
    }
}

fn name(seat: usize, generation: u32) -> String {
    format!("seat-{seat}.{generation}")
}
