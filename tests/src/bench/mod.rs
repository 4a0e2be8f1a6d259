//! Measurements, run by `cargo xtask bench <name>`; none of them is a test.
//!
//! All follow one method. What is compared is measured in the same run, in turns and in changing order, so
//! that a busy minute hits everybody. The first tenth of what is measured is dropped. A run gives one figure
//! of each quantity, a bench makes several runs, and the report shows median and extremes over them, with
//! the machine, the server's settings and the command beside them. Clients, server and whatever else takes
//! part share one machine.

mod audit;
mod catalogue;
mod doorbell;
mod exchange;
mod facilitator;
mod fixture;
mod gateway;
mod identity;
mod load;
mod machine;
mod node;
mod options;
mod payments;
mod report;
mod settle;
mod stats;
mod verify;
mod wakeup;
mod wire;

pub use catalogue::{list, run};
pub use options::{Command, Common};
pub use report::Report;
