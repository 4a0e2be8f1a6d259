//! Text forms of EVM values, read strictly: what two readers could understand differently is refused.

use alloy_primitives::{Address, B256, U256, hex};

/// Longest decimal text of a uint256: 2^256 - 1 has 78 digits.
const UINT256_DIGITS: usize = 78;

/// Reads `0x` + 40 hex digits of any letter case. EIP-55 checksums are not demanded: clients send both forms.
pub fn address(text: &str) -> Option<Address> {
    after_prefix(text, "0x").map(Address::from)
}

/// Reads OKX's native spelling of an X Layer address: `XKO` + 40 hex digits stands for `0x` + the same digits.
/// Only for configuration, for offers and in answers; a signed payload must carry `0x`.
pub fn xko_address(text: &str) -> Option<Address> {
    after_prefix(text, "XKO").map(Address::from)
}

/// Reads `0x` + 64 hex digits of any letter case.
pub fn bytes32(text: &str) -> Option<B256> {
    after_prefix(text, "0x").map(B256::from)
}

/// Reads a transaction hash. Anything but `0x` + 64 hex digits, and the all-zero hash, is no evidence of a
/// transaction and gives `None`.
pub fn tx_hash(text: &str) -> Option<B256> {
    bytes32(text).filter(|hash| !hash.is_zero())
}

/// Reads a canonical decimal uint256: digits only, no sign, no leading zero, at most 2^256 - 1.
pub fn uint256(text: &str) -> Option<U256> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.len() <= UINT256_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if canonical && digits {
        U256::from_str_radix(text, 10).ok()
    } else {
        None
    }
}

/// The lower-case `0x` form under which the ledger stores an address.
pub fn lower(address: Address) -> String {
    format!("{address:#x}")
}

fn after_prefix<const N: usize>(text: &str, prefix: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix(prefix)?;
    // The length is checked first because the decoder would skip a second `0x`.
    if digits.len() == 2 * N {
        hex::decode_to_array(digits).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uint256_takes_the_whole_range_and_nothing_above() {
        let max = U256::MAX.to_string();
        assert_eq!(uint256(&max), Some(U256::MAX));
        let above = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(uint256(above), None);
        assert_eq!(uint256("0"), Some(U256::ZERO));
    }

    #[test]
    fn uint256_refuses_every_non_canonical_form() {
        for text in [
            "", "00", "01", "+1", "-1", "1.0", "1e3", "0x10", " 1", "1 ", "1_000", "١",
        ] {
            assert_eq!(uint256(text), None, "{text:?}");
        }
    }

    #[test]
    fn address_takes_any_letter_case_and_only_40_digits() {
        let lower_case = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
        let upper_case = format!("0x{}", lower_case[2..].to_uppercase());
        assert_eq!(address(lower_case), address(&upper_case));
        assert_eq!(address(lower_case).map(lower).as_deref(), Some(lower_case));
        for text in [
            &lower_case[2..],
            &lower_case[..41],
            "0x0x4ae46a509f6b1d9056937ba4500cb143933d2d",
            "",
        ] {
            assert_eq!(address(text), None, "{text:?}");
        }
    }

    #[test]
    fn xko_prefix_stands_for_0x() {
        let digits = "4ae46a509f6b1d9056937ba4500cb143933d2dc8";
        assert_eq!(
            xko_address(&format!("XKO{digits}")),
            address(&format!("0x{digits}"))
        );
        assert_eq!(xko_address(&format!("XKO0x{}", &digits[2..])), None);
        assert_eq!(xko_address(&format!("0x{digits}")), None);
        assert_eq!(address(&format!("XKO{digits}")), None);
    }

    #[test]
    fn only_a_whole_non_zero_hash_counts_as_a_hash() {
        assert!(tx_hash(&format!("0x{}", "aB".repeat(32))).is_some());
        for text in [
            String::new(),
            "0x".into(),
            "ab".repeat(32),
            format!("0x{}", "00".repeat(32)),
        ] {
            assert_eq!(tx_hash(&text), None, "{text:?}");
        }
    }
}
