//! The one spelling that the ledger keeps of what identifies a payment, so that equal things are equal texts.

use crate::x402::Network;

/// What identifies an authorization, and whom it pays.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Chain, CAIP-2.
    pub network: &'a str,
    /// Contract of the token.
    pub asset: &'a str,
    /// Who signed.
    pub payer: &'a str,
    /// Who is paid.
    pub pay_to: &'a str,
    /// 32 bytes, used once by this payer in this token (EIP-3009).
    pub nonce: &'a str,
}

impl Identity<'_> {
    /// Whether each part is whole and in the spelling of the ledger: hexadecimal in lower case after `0x`, and
    /// `eip155:` before a chain id without leading zeros.
    pub fn is_whole(&self) -> bool {
        is_bytes32(self.nonce)
            && [self.asset, self.payer, self.pay_to]
                .iter()
                .all(|text| is_hex(text, 40))
            && self
                .network
                .parse::<Network>()
                .is_ok_and(|network| network.to_string() == self.network)
    }
}

/// Whether a text is the ledger's spelling of 32 bytes, as nonces and transaction hashes are.
pub fn is_bytes32(text: &str) -> bool {
    is_hex(text, 64)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.strip_prefix("0x").is_some_and(|hex| {
        hex.len() == digits && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
    const NONCE: &str = "0xac6f4032bb18ab629a7f6fe736cd966d5648dfc376cc7c404faea5b5a3291b13";

    fn whole() -> Identity<'static> {
        Identity {
            network: "eip155:196",
            asset: ADDRESS,
            payer: ADDRESS,
            pay_to: ADDRESS,
            nonce: NONCE,
        }
    }

    #[test]
    fn an_identity_in_the_ledgers_spelling_is_whole() {
        assert!(whole().is_whole());
    }

    #[test]
    fn another_spelling_of_any_part_is_not() {
        let upper = NONCE.to_uppercase();
        for nonce in [
            "",
            "0x",
            &NONCE[2..],
            &NONCE[..65],
            &upper,
            &format!("{NONCE}0"),
            &format!("{NONCE}\n"),
        ] {
            assert!(!Identity { nonce, ..whole() }.is_whole(), "{nonce}");
        }
        for address in [
            "",
            "0X4ae46a509f6b1d9056937ba4500cb143933d2dc8",
            "0x4AE46a509f6b1d9056937ba4500cb143933d2dc8",
            " 0x4ae46a509f6b1d9056937ba4500cb143933d2dc8",
            "0x4ae46a509f6b1d9056937ba4500cb143933d2dcé",
        ] {
            assert!(
                !Identity {
                    asset: address,
                    ..whole()
                }
                .is_whole(),
                "{address}"
            );
            assert!(
                !Identity {
                    payer: address,
                    ..whole()
                }
                .is_whole(),
                "{address}"
            );
            assert!(
                !Identity {
                    pay_to: address,
                    ..whole()
                }
                .is_whole(),
                "{address}"
            );
        }
        for network in [
            "",
            "196",
            "xlayer",
            "eip155:",
            "eip155:0",
            "eip155:0196",
            "EIP155:196",
            "eip155:196 ",
        ] {
            assert!(!Identity { network, ..whole() }.is_whole(), "{network}");
        }
    }

    #[test]
    fn a_hash_is_32_bytes_in_lower_case() {
        assert!(is_bytes32(NONCE));
        assert!(!is_bytes32(ADDRESS));
        assert!(!is_bytes32(&NONCE.to_uppercase()));
    }
}
