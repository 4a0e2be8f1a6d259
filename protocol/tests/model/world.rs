//! The world of one authorization.

use insforge_protocol::ledger::{Status, Word};
use insforge_protocol::okx::Class;

/// What is taken for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// Writes name the lease they were made under, and fail without it.
    pub(crate) fenced: bool,
    /// An endpoint of the chain is configured.
    pub(crate) chain: bool,
    /// The facilitator may name transactions that do not exist.
    pub(crate) ghosts: bool,
    /// Somebody else may submit the authorization.
    pub(crate) strangers: bool,
    /// A scan that finds the transfer of a payment which is being settled has its refusals doubted.
    pub(crate) doubts: bool,
}

/// Settlements of one payment that are tried; the rule bounds them, this bounds the search.
pub(crate) const ATTEMPTS: u8 = 3;

/// A transaction: one per attempt, the stranger's, and one that does not exist.
pub(crate) type Tx = u8;
pub(crate) const STRANGER: Tx = ATTEMPTS + 1;
pub(crate) const GHOST: Tx = ATTEMPTS + 2;

/// How far the chain's clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Time {
    /// The authorization can be used.
    Alive,
    /// It cannot any more, but the last blocks may still go.
    Over,
    /// A final block is past `validBefore`.
    Final,
}

/// The truth, which nobody sees whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    pub(crate) used_by: Option<Tx>,
    /// Transactions on their way, one bit each.
    pub(crate) waiting: u8,
    pub(crate) time: Time,
}

/// The row, with its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) status: Status,
    pub(crate) uncertain: bool,
    pub(crate) named: Option<Tx>,
    pub(crate) attempts: u8,
    /// Who holds the lease. A lease token is only ever compared, so its holder is all there is to it.
    pub(crate) holder: Option<usize>,
    /// Whether the lease has not run out.
    pub(crate) live: bool,
}

/// What a task knows of the row: as it was when it was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) status: Status,
    pub(crate) named: Option<Tx>,
    pub(crate) attempts: u8,
}

/// An outcome on its way into the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Report {
    pub(crate) word: Word,
    pub(crate) class: Option<Class>,
    pub(crate) tx: Option<Tx>,
}

/// A worker's task. Crashing is becoming idle, being paused is not being chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Idle,
    /// Claimed, nothing decided.
    Claimed(Seen),
    /// The intent is committed, nothing sent; the attempt's number is its transaction.
    Begun(Tx),
    /// Something is known and not yet written.
    Reporting(Report),
    /// Written, but the answer to the write was lost: it will be written again.
    Unacknowledged(Report),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) row: Row,
    pub(crate) tasks: [Task; 2],
    /// Whether the scan has passed the block of the transfer; it does not come back.
    pub(crate) scanned: bool,
    /// The transaction the row was settled with, ever.
    pub(crate) settled_with: Option<Tx>,
}

impl World {
    pub(crate) const START: Self = Self {
        chain: Chain {
            used_by: None,
            waiting: 0,
            time: Time::Alive,
        },
        row: Row {
            status: Status::Pending,
            uncertain: false,
            named: None,
            attempts: 0,
            holder: None,
            live: false,
        },
        tasks: [Task::Idle, Task::Idle],
        scanned: false,
        settled_with: None,
    };

    pub(crate) fn with_task(mut self, who: usize, task: Task) -> Self {
        self.tasks[who] = task;
        self
    }

    /// Whether nobody works on it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.row.status.is_terminal() || self.row.status == Status::Review
    }

    /// The two workers are alike: of two worlds that differ by their names only, one is looked at.
    pub(crate) fn canonical(mut self) -> Self {
        let key = |task: &Task| format!("{task:?}");
        let (first, second) = (key(&self.tasks[0]), key(&self.tasks[1]));
        let swap = first > second || first == second && self.row.holder == Some(1);
        if swap {
            self.tasks.swap(0, 1);
            self.row.holder = self.row.holder.map(|who| 1 - who);
        }
        self
    }
}

impl Report {
    pub(crate) fn of(word: Word) -> Self {
        Self {
            word,
            class: None,
            tx: None,
        }
    }
}
