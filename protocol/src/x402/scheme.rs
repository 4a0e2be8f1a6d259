//! Payment schemes.

use std::fmt;

/// How a payment is made. Only [`Scheme::Exact`] can be judged offline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `exact`: one EIP-3009 transfer of the exact amount.
    Exact,
    /// `aggr_deferred` of OKX: taken in at once, paid later within a batch.
    AggrDeferred,
    /// Any other; never payable here.
    Other(String),
}

impl Scheme {
    /// Reads a scheme's name. One OKX SDK writes `deferred` for `aggr_deferred`.
    pub fn parse(name: &str) -> Self {
        match name {
            "exact" => Self::Exact,
            "aggr_deferred" | "deferred" => Self::AggrDeferred,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact => "exact",
            Self::AggrDeferred => "aggr_deferred",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
