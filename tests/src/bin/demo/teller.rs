use std::io::Write;
use std::time::Instant;

use anyhow::Result;

/// Says each step when it begins, and how long it took when it is done.
pub(crate) struct Teller {
    started: Instant,
}

impl Teller {
    pub(crate) fn new() -> Teller {
        Teller {
            started: Instant::now(),
        }
    }

    /// Announces a step, does it, and adds its outcome and duration.
    pub(crate) async fn step<T>(
        &self,
        what: &str,
        doing: impl Future<Output = Result<(T, String)>>,
    ) -> Result<T> {
        print!("{what} … ");
        // A terminal that is gone is no reason to stop.
        drop(std::io::stdout().flush());
        let begun = Instant::now();
        let (value, outcome) = doing.await?;
        println!("{outcome} ({:.0} ms)", begun.elapsed().as_secs_f64() * 1_000.0);
        Ok(value)
    }

    /// A line of its own.
    pub(crate) fn say(&self, line: &str) {
        println!("{line}");
    }

    /// Seconds since the demo began.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
