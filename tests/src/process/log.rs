use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use parking_lot::Mutex;
use tokio::sync::watch;

/// The lines that a process has written so far.
#[derive(Debug, Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
    /// Pipes that are not read to their end.
    open: watch::Sender<usize>,
}

impl Log {
    pub(super) fn new() -> Log {
        Log {
            lines: Arc::default(),
            count: watch::Sender::new(0),
            open: watch::Sender::new(0),
        }
    }

    /// Reads a pipe to its end, on a thread: a process blocks when nobody reads what it writes.
    pub(super) fn follow(&self, pipe: impl Read + Send + 'static) {
        let log = self.clone();
        log.open.send_modify(|open| *open += 1);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(std::io::Result::ok) {
                let mut lines = log.lines.lock();
                lines.push(line);
                log.count.send_replace(lines.len());
            }
            log.open.send_modify(|open| *open -= 1);
        });
    }

    /// Waits until every pipe is read to its end: a process may be gone before its last line is here.
    pub(super) async fn whole(&self) {
        let mut open = self.open.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _at_the_end = open.wait_for(|open| *open == 0).await;
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    /// All lines so far as one text.
    pub fn text(&self) -> String {
        self.lines.lock().join("\n")
    }

    /// How many lines hold `part`.
    pub fn count(&self, part: &str) -> usize {
        self.lines
            .lock()
            .iter()
            .filter(|line| line.contains(part))
            .count()
    }

    /// Waits for a line that holds `part`.
    ///
    /// # Errors
    /// None comes within `deadline`; the log is part of the message.
    pub async fn wait_for(&self, deadline: Duration, part: &str) -> Result<()> {
        let mut changes = self.count.subscribe();
        let met = async {
            while self.count(part) == 0 {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(deadline, met).await.is_err() {
            bail!(
                "not within {deadline:?}: a line with {part:?} in\n{}",
                self.text()
            );
        }
        Ok(())
    }
}
