//! EIP-712 domains as JSON, the way wallets and SDKs write them.

use serde_json::{Value, json};

use super::Reason;
use super::malformed::{Malformed, Problem, address, required, required_text};
use crate::evm::{self, Domain};

/// Reads `{name, version, chainId, verifyingContract}` (EIP-712, "Definition of domainSeparator"); `chainId`
/// is a number or decimal text. Errors: [`Reason::Requirements`] naming the member.
pub fn read_domain(raw: &Value) -> Result<Domain, Reason> {
    let read = || -> Result<Domain, Malformed> {
        if !raw.is_object() {
            return Err(Problem::NotObject.of("domain"));
        }
        let chain_id = required(raw, "chainId")?;
        let chain_id = chain_id
            .as_u64()
            .or_else(|| u64::try_from(evm::uint256(chain_id.as_str()?)?).ok())
            .ok_or(Problem::NotUint256.of("chainId"))?;
        Ok(Domain {
            name: required_text(raw, "name")?.to_owned().into(),
            version: required_text(raw, "version")?.to_owned().into(),
            chain_id,
            verifying_contract: address(raw, "verifyingContract")?,
        })
    };
    read().map_err(Reason::Requirements)
}

/// The same domain as JSON.
pub fn domain_json(domain: &Domain) -> Value {
    json!({
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": evm::lower(domain.verifying_contract),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_reads_back_and_a_broken_one_is_named() {
        let whole = json!({ "name": "USD₮0", "version": "1", "chainId": 196,
            "verifyingContract": "0x779ded0c9e1022225f8e0630b35a9b54be713736" });
        assert_eq!(read_domain(&whole).as_ref().map(domain_json), Ok(whole.clone()));
        let mut texted = whole.clone();
        texted["chainId"] = json!("196");
        assert_eq!(read_domain(&texted), read_domain(&whole));
        for (field, value, problem) in [
            ("name", json!(null), Problem::Missing),
            ("version", json!(1), Problem::NotString),
            ("chainId", json!("0x1"), Problem::NotUint256),
            ("verifyingContract", json!("0x1"), Problem::NotAddress),
        ] {
            let mut broken = whole.clone();
            broken[field] = value;
            assert_eq!(read_domain(&broken), Err(Reason::Requirements(problem.of(field))));
        }
    }
}
