use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

/// What happens to the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are passed on.
    #[default]
    Pass,
    /// They are passed on so much later, in either direction.
    Delay(Duration),
    /// They are kept, as those of a partitioned network: nobody hears of it.
    BlackHole,
    /// What the server says is said twice.
    Twice,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Reply,
}

/// Where a conversation is stopped: at the first request that holds all of the words, or at its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// What the request holds.
    pub words: &'static [&'static str],
    /// Whether the request is stopped, or its reply.
    pub side: Side,
    /// What the reply must hold to be stopped; others pass, and the next such request is waited for.
    pub reply: &'static str,
}

impl Point {
    fn is_in(&self, bytes: &[u8]) -> bool {
        self.words.iter().all(|word| contains(bytes, word))
    }

    pub(super) fn is_answered_by(&self, bytes: &[u8]) -> bool {
        self.reply.is_empty() || contains(bytes, self.reply)
    }
}

pub(super) fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part == word.as_bytes())
}

/// What holds at present. The counters tell each connection what has happened since it was there.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) all: Mode,
    /// Another mode for connections whose first bytes hold a word.
    pub(super) named: Option<(&'static str, Mode)>,
    pub(super) releases: u64,
    pub(super) cuts: u64,
    pub(super) halves: u64,
}

/// What the handle and all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) rules: watch::Sender<Rules>,
    pub(super) point: Mutex<Option<Point>>,
    /// What was said at the last point that a conversation was stopped at.
    pub(super) held: Mutex<Vec<u8>>,
    /// Conversations stopped at a point so far.
    pub(super) stopped: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            rules: watch::Sender::new(Rules::default()),
            point: Mutex::new(None),
            held: Mutex::default(),
            stopped: watch::Sender::new(0),
        }
    }
}

impl Shared {
    /// Takes the point if this request is the one; it applies once.
    pub(super) fn meets(&self, request: &[u8]) -> Option<Point> {
        self.point.lock().take_if(|point| point.is_in(request))
    }
}
