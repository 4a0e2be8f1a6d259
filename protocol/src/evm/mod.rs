//! EVM values and the one signed message that moves money: EIP-712 domains, EIP-3009 authorizations and
//! their signatures. Integers are 256 bits wide throughout: `value` and the two times of an authorization
//! may take any uint256, and deferred payments do carry 2^256 - 1.

mod authorization;
mod domain;
mod hex;
pub mod signature;

pub use alloy_primitives::{Address, B256, U256};

pub use authorization::Authorization;
pub use domain::Domain;
pub use hex::{address, bytes32, lower, tx_hash, uint256, xko_address};
