//! SQL: what a payer signs, and who signed it.

use insforge_protocol::evm;
use insforge_protocol::evm::signature::{Signature, SignatureError};
use insforge_protocol::x402::{Problem, Reason, read_domain, signed_message};
use pgrx::JsonB;
use pgrx::prelude::*;

use super::challenge::{outcome, words};

#[pg_schema]
mod x402 {
    use super::*;

    /// The domain separator (EIP-712), or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    fn _domain_separator(
        domain: JsonB,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<String>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        outcome(
            read_domain(&domain.0)
                .map(|domain| format!("{:#x}", domain.separator()))
                .map_err(words),
        )
    }

    /// The digest that a payer signs (EIP-3009 under EIP-712), or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    fn _authorization_digest(
        authorization: JsonB,
        domain: JsonB,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<String>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        let digest = || {
            let message = signed_message(&authorization.0)?;
            Ok(format!("{:#x}", message.digest(&read_domain(&domain.0)?)))
        };
        outcome(digest().map_err(words))
    }

    /// The address whose key signed a digest, or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    fn _recover(
        digest: &str,
        signature: &str,
    ) -> TableIterator<
        'static,
        (
            name!(value, Option<String>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        let recover = || {
            let digest = evm::bytes32(digest).ok_or(Reason::Payload(Problem::NotBytes32.of("digest")))?;
            match Signature::parse(signature)? {
                Signature::Eoa(signature) => Ok(evm::lower(signature.recover(digest)?)),
                // Only the chain knows who stands behind a contract wallet's bytes.
                Signature::ContractWallet(_) => Err(Reason::Signature(SignatureError::NotRecoverable)),
            }
        };
        outcome(recover().map_err(words))
    }
}
