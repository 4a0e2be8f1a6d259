//! The settler: wakes, claims what it can start at once, sends, records.
//!
//! ```text
//! dispatcher ── claims ──► launch ── intents committed ──► attempt ── outcome ──► recorder
//!     ▲ wakes by bell, due time, poll        heartbeat keeps the leases of everything in between
//! sale of this process, recorded with its intent ── direct ──► attempt
//! ```

mod admit;
mod attempt;
mod core;
mod courier;
mod direct;
mod dispatcher;
mod flights;
mod gate;
mod heartbeat;
mod launch;
mod plan;
mod probe;
mod recorder;

#[cfg(test)]
mod tests;

pub use admit::Slot;
pub use core::{Core, Parts};
pub use direct::Direct;
pub use dispatcher::Dispatcher;
pub use flights::{Flight, Flights};
pub use gate::{Cause, Gate, State};
pub use heartbeat::Heartbeat;
pub use plan::Wake;
pub use probe::Probe;
pub use recorder::{Recorder, Written};
