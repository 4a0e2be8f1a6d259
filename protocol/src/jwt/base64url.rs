use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes base64url as RFC 7515 §2 writes it: no padding, no `+` or `/`, no white space, and unused
/// trailing bits zero, so that one byte string has exactly one spelling.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes bytes as base64url without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_canonical_spelling_is_decoded() {
        assert_eq!(decode("AQAB"), Some(vec![1, 0, 1]));
        assert_eq!(decode("AQ"), Some(vec![1]));
        for bad in ["AR", "AQ==", "A", "A+AB", "A/AB", "AQ\n", " AQ", "AQ.AB"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
