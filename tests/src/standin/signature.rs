use alloy_primitives::{Address, B256, hex, keccak256};
use insforge_protocol::evm::Authorization;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

/// Whether a token with this domain separator takes the signature as the payer's own. Written apart from
/// the code under test, with another library: k256, checks spelt out as OpenZeppelin's ECDSA has them.
pub(super) fn accepted(separator: B256, auth: &Authorization, signature: &str) -> bool {
    signer(separator, auth, signature).is_some_and(|signer| signer == auth.from && !signer.is_zero())
}

fn signer(separator: B256, auth: &Authorization, signature: &str) -> Option<Address> {
    let bytes = hex::decode(signature.strip_prefix("0x")?).ok()?;
    let [compact @ .., v] = <[u8; 65]>::try_from(bytes).ok()?;
    let parity = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    let parsed = Signature::from_slice(&compact).ok()?;
    if parsed.normalize_s() != parsed {
        return None;
    }
    let digest = keccak256([&[0x19, 0x01], separator.as_slice(), auth.struct_hash().as_slice()].concat());
    let recovery = RecoveryId::new(parity, false);
    let key = VerifyingKey::recover_from_prehash(digest.as_slice(), &parsed, recovery).ok()?;
    let point = key.to_sec1_point(false);
    Some(Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]))
}
