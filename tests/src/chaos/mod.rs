//! The storm that `cargo xtask chaos` raises: sidecars are killed, paused and started anew, Postgres crashes,
//! connections are cut, the chain reorganises, and the facilitator lies and drops calls, while payments come in.
//! When the faults stop, every payment must end with evidence, and chain and ledger must agree row by row.
//!
//! Everything that is drawn (who pays and how, what goes wrong with which call, what is done in which order and to
//! whom) follows from the seed alone. When it happens follows from what happens: the next deed waits for so many
//! calls of `/settle`, not for a time, so that a storm hits payments at work on a fast and on a slow machine. The
//! scheduler of the machine stays free: two runs of a seed are the same storm, not the same schedule.

mod audit;
mod chance;
mod crew;
mod deeds;
mod director;
mod faults;
mod line;
mod options;
mod pulse;
mod purchase;
mod report;
mod run;
mod shop;
mod stage;

pub use director::Done;
pub use options::Options;
pub use report::{Report, Violation};
pub use run::run;
