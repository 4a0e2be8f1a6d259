//! The two generations of OKX's HTTP API.

/// Which API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// `/api/v6/x402`: x402 v1 bodies with `chainIndex`, answers as arrays, no `settle/status`.
    One,
    /// `/api/v6/pay/x402`: x402 v2.
    Two,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET`: schemes and networks on offer.
    Supported,
    /// `POST`: would this payment settle?
    Verify,
    /// `POST`: settle it.
    Settle,
}

impl Generation {
    /// The path all endpoints start with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::One => "/api/v6/x402",
            Self::Two => "/api/v6/pay/x402",
        }
    }

    /// Path of an endpoint, the text that is signed.
    pub fn path(self, endpoint: Endpoint) -> String {
        let name = match endpoint {
            Endpoint::Supported => "supported",
            Endpoint::Verify => "verify",
            Endpoint::Settle => "settle",
        };
        format!("{}/{name}", self.prefix())
    }
}
