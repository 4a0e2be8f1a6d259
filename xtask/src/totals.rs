//! The test runners' own totals, collected while they run and said again at the end, after what failing tests said.

use std::process::Command;
use std::time::Instant;

use crate::shell::{Problem, run_watched};

/// How much of a failing test's output is said again: its message, not all that it wrote.
const SAID_AGAIN: usize = 20;

/// What has run so far.
#[derive(Default)]
pub(crate) struct Totals {
    lines: Vec<String>,
    failures: Vec<Vec<String>>,
    within_failure: bool,
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
        let outcome = run_watched(command, |line| {
            self.hear(line);
            self.see(kind, line);
        });
        println!("-- {kind}: {} s", started.elapsed().as_secs());
        if let Err(problem) = outcome {
            self.problems.push(problem);
        }
        Ok(())
    }

    /// Keeps the beginning of what a failing test wrote: from `---- its name stdout ----` to the next heading.
    fn hear(&mut self, line: &str) {
        let heading = line.starts_with("---- ") && line.ends_with(" stdout ----");
        if heading {
            self.failures.push(Vec::new());
        }
        self.within_failure = heading || (self.within_failure && line.trim() != "failures:");
        let Some(failure) = self.failures.last_mut().filter(|_| self.within_failure) else {
            return;
        };
        if failure.len() < SAID_AGAIN {
            failure.push(line.to_owned());
        }
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
        for line in self.failures.iter().flatten() {
            println!("{line}");
        }
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
    fn what_a_failing_test_said_is_kept_without_the_rest() {
        let mut totals = Totals::default();
        let written = "test a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\nError: no port\n\nCaused by:\n    gone\n\n\nfailures:\n    a::b\n\ntest result: FAILED.";
        written.lines().for_each(|line| totals.hear(line));
        let said: Vec<&str> = totals.failures.iter().flatten().map(String::as_str).collect();
        assert_eq!(said[..2], ["---- a::b stdout ----", "Error: no port"]);
        assert!(
            said.contains(&"    gone") && !said.contains(&"    a::b"),
            "{said:?}"
        );
        for line in ["---- c stdout ----"].into_iter().chain([""; 100]) {
            totals.hear(line);
        }
        assert_eq!(totals.failures[1].len(), SAID_AGAIN);
    }

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
