//! Child processes that never outlive this one, with their output at hand.

mod child;
mod log;
mod reaper;

pub use child::Process;
pub use log::Log;
pub use rustix::process::Signal;
