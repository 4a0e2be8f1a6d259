//! What can be seen from outside. What is not in the table ([`METRICS`]) is not exposed, and everything in it is
//! exposed from the first scrape on: labels are a fixed set, so a series that never happened reads 0 instead of
//! being absent.

mod figures;
mod registry;
mod table;

pub use figures::{Figures, Gauges, Source};
pub use registry::Metrics;
pub use table::{METRICS, Metric, docs};
