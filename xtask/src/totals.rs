//! The test runners' own totals, collected while they run and said again at the end.

use std::process::Command;
use std::time::Instant;

use crate::shell::{Problem, run_watched};

/// What has run so far.
#[derive(Default)]
pub(crate) struct Totals {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
    problems: Vec<Problem>,
}

impl Totals {
    /// Runs a test command and remembers its `test result:` lines. A failure is remembered too, so that
    /// the later kinds of test still run.
    ///
    /// # Errors
    /// None today; the signature lets callers chain.
    pub(crate) fn run(&mut self, kind: &str, command: Command) -> Result<(), Problem> {
        let started = Instant::now();
        let outcome = run_watched(command, |line| self.see(kind, line));
        println!("-- {kind}: {} s", started.elapsed().as_secs());
        if let Err(problem) = outcome {
            self.problems.push(problem);
        }
        Ok(())
    }

    fn see(&mut self, kind: &str, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        let count = |word: &str| {
            let part = result.split(['.', ';']).find(|part| part.trim().ends_with(word));
            part.and_then(|part| part.split_whitespace().next()?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        self.lines.push(format!("{kind}: test result: {result}"));
    }

    /// Says the totals; the last line is the sum.
    ///
    /// # Errors
    /// Something failed.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        for problem in &self.problems {
            println!("FAILED: {problem}");
        }
        println!(
            "{} passed, {} failed",
            self.passed,
            self.failed.max(self.problems.len() as u64)
        );
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err("not every test passed".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_of_a_runner_are_added_up() {
        let mut totals = Totals::default();
        totals.see(
            "unit",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
        );
        totals.see(
            "unit",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; finished in 0.10s",
        );
        totals.see("unit", "test something ... ok");
        assert_eq!((totals.passed, totals.failed, totals.lines.len()), (15, 2, 2));
    }
}
