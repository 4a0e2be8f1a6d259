use insforge_protocol::evidence::Malformed;

/// Why an endpoint did not answer a question. Texts hold no URL: providers put keys into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// No connection, no answer in time, or an answer that broke off.
    #[error("{0}")]
    Unreachable(String),
    /// An HTTP status without a JSON-RPC answer; 429 is the provider's rate limit.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The answer is longer than we read.
    #[error("the answer is too long")]
    TooLong,
    /// The endpoint answered with an error: it has pruned what was asked for, or allows no such range.
    #[error("{message} ({code})")]
    Refused {
        /// JSON-RPC's code.
        code: i64,
        /// The endpoint's words, cut.
        message: String,
    },
    /// No JSON-RPC 2.0 answer to this request.
    #[error("not a JSON-RPC answer: {0}")]
    NotRpc(&'static str),
    /// An answer that is not of the form the specification demands, or not about what was asked.
    #[error("odd answer: {0}")]
    Odd(#[from] Malformed),
    /// As many endpoints as must agree do not show the same yet.
    #[error("no other endpoint shows the same transaction yet")]
    NotConfirmed,
    /// The endpoint serves another chain.
    #[error("serves chain {got}, not {wanted}")]
    WrongChain {
        /// The chain it was configured for.
        wanted: u64,
        /// The chain it serves.
        got: u64,
    },
}

impl RpcError {
    /// Whether the endpoint is at fault as a whole, rather than this question.
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Status(_) | Self::NotRpc(_) | Self::WrongChain { .. } => true,
            Self::TooLong | Self::Refused { .. } | Self::Odd(_) | Self::NotConfirmed => false,
        }
    }

    /// Whether a question about fewer blocks may be answered.
    pub const fn may_be_range(&self) -> bool {
        match self {
            Self::TooLong | Self::Refused { .. } | Self::Unreachable(_) => true,
            // 413 and 400 are how some providers refuse a range.
            Self::Status(code) => matches!(*code, 400 | 413),
            Self::NotRpc(_) | Self::Odd(_) | Self::NotConfirmed | Self::WrongChain { .. } => false,
        }
    }
}
