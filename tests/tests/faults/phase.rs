//! How far a payment has come when a fault strikes.

use insforge_tests::proxy::{Point, Side};

/// The phases of an attempt, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Before its claim commits.
    A,
    /// Claimed without its intent, as where only the chain can check the signature; the intent is not durable.
    B,
    /// The intent is durable; the request is not sent.
    C,
    /// Sent; no effect yet.
    D,
    /// The money moved; the reply is not read.
    E,
    /// The reply is read; the result is not written.
    F,
    /// The result is written; the worker has not heard so.
    G,
}

/// Who finds the payment valid, and records the intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// The ledger, with the claim.
    Ledger,
    /// The worker, after the claim: only the chain can check the signature.
    Worker,
}

use Phase::{A, B, C, D, E, F, G};

impl Phase {
    pub(crate) const ALL: [Phase; 7] = [A, B, C, D, E, F, G];

    /// What it means, for the table.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            A => "before the claim with its intent commits",
            B => "claimed without the intent, which is not durable",
            C => "intent durable, request not sent",
            D => "sent, no effect yet",
            E => "effect on the chain, reply not read",
            F => "reply read, result not written",
            G => "written, not acknowledged",
        }
    }

    /// The statement at which a worker is stopped; in D and E the stand-in keeps it waiting. `judge` is whoever
    /// records the intent.
    pub(crate) fn point(self, judge: Judge) -> Option<Point> {
        // A claim that finds nothing passes.
        let claimed = if self == C && judge == Judge::Ledger {
            "signature"
        } else {
            ""
        };
        let (words, side): (&[_], _) = match self {
            A => (&["x402.claim_to_settle("], Side::Request),
            B => (&["x402.begin_settle("], Side::Request),
            C if judge == Judge::Worker => (&["x402.begin_settle("], Side::Reply),
            C => (&["x402.claim_to_settle("], Side::Reply),
            D | E => return None,
            F => (&["x402.finish("], Side::Request),
            G => (&["x402.finish("], Side::Reply),
        };
        Some(Point {
            words,
            side,
            reply: claimed,
        })
    }

    /// What is true of the payment then: its statuses (a lease that ran out makes `unknown` of `settling`), calls
    /// that reached the facilitator, transfers on the chain.
    pub(crate) const fn facts(self) -> (&'static [&'static str], usize, usize) {
        match self {
            A | B => (&["pending"], 0, 0),
            C => (&["settling", "unknown"], 0, 0),
            D => (&["settling", "unknown"], 1, 0),
            E | F => (&["settling", "unknown"], 1, 1),
            G => (&["settled"], 1, 1),
        }
    }
}
