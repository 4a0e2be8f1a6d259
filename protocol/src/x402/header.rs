//! Values of the headers `PAYMENT-REQUIRED`, `PAYMENT-SIGNATURE`, `PAYMENT-RESPONSE` and their v1 names:
//! base64 of UTF-8 JSON (x402 v2, HTTP transport). We emit the standard alphabet with padding and read the
//! URL-safe one, missing padding and surrounding whitespace as well, because clients send them.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// Longest header value that is looked at. A deferred payload with a session certificate and an ERC-6492
/// signature takes 2 to 4 KiB.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a header value cannot be read. An HTTP server answers 400 and settles nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeaderError {
    /// More than [`MAX_HEADER_BYTES`].
    #[error("the payment header has {0} bytes, the limit is {MAX_HEADER_BYTES}; send a smaller payload")]
    TooLong(usize),
    /// Nothing but whitespace.
    #[error("the payment header is empty; send base64 of the payment's JSON")]
    Empty,
    /// JSON without the base64 around it.
    #[error("the payment header is raw JSON; send it base64-encoded")]
    RawJson,
    /// Neither standard nor URL-safe base64.
    #[error("the payment header is not base64; encode the payment's JSON once, without line breaks")]
    Base64,
    /// Decoded bytes are not UTF-8 (a browser's `btoa` of non-ASCII text gives Latin-1).
    #[error("the payment header does not decode to UTF-8; encode the JSON as UTF-8 before base64")]
    Utf8,
    /// Decoded text is not JSON.
    #[error("the payment header does not decode to JSON; encode the payment's JSON exactly once")]
    Json,
}

impl HeaderError {
    /// The x402 reason code.
    pub const fn code(self) -> &'static str {
        "invalid_payload"
    }

    /// SQLSTATE of this error; see the table of [`super::Reason`].
    pub const fn sqlstate(self) -> &'static str {
        match self {
            Self::TooLong(_) => "X4H01",
            Self::Empty => "X4H02",
            Self::RawJson => "X4H03",
            Self::Base64 => "X4H04",
            Self::Utf8 => "X4H05",
            Self::Json => "X4H06",
        }
    }
}

/// Encodes a message as a header value.
pub fn encode(message: &Value) -> String {
    STANDARD.encode(message.to_string())
}

/// Decodes a header value. The length is checked before anything is decoded.
pub fn decode(header: &str) -> Result<Value, HeaderError> {
    if header.len() > MAX_HEADER_BYTES {
        return Err(HeaderError::TooLong(header.len()));
    }
    let text = header.trim();
    match text.as_bytes().first() {
        None => return Err(HeaderError::Empty),
        Some(b'{' | b'[' | b'"') => return Err(HeaderError::RawJson),
        Some(_) => {}
    }
    let standard = text.replace('-', "+").replace('_', "/");
    let bytes = LENIENT.decode(standard).map_err(|_| HeaderError::Base64)?;
    let json = String::from_utf8(bytes).map_err(|_| HeaderError::Utf8)?;
    serde_json::from_str(&json).map_err(|_| HeaderError::Json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_emitted_is_padded_standard_base64_of_utf8() {
        let header = encode(&json!({ "name": "USD₮0??>" }));
        assert_eq!(header, "eyJuYW1lIjoiVVNE4oKuMD8/PiJ9");
        assert_eq!(encode(&json!({})), "e30=");
        assert_eq!(decode(&header), Ok(json!({ "name": "USD₮0??>" })));
    }

    #[test]
    fn url_safe_unpadded_and_surrounded_values_are_read() {
        let message = json!({ "name": "USD₮0??>" });
        for header in [
            "eyJuYW1lIjoiVVNE4oKuMD8_PiJ9",
            " \teyJuYW1lIjoiVVNE4oKuMD8/PiJ9\r\n",
        ] {
            assert_eq!(decode(header).as_ref(), Ok(&message), "{header:?}");
        }
        for header in ["e30", "e30="] {
            assert_eq!(decode(header), Ok(json!({})), "{header:?}");
        }
    }

    #[test]
    fn a_header_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
        let padding = " ".repeat(MAX_HEADER_BYTES - 4);
        assert_eq!(decode(&format!("{padding}e30=")), Ok(json!({})));
        assert_eq!(
            decode(&format!("{padding} e30=")),
            Err(HeaderError::TooLong(MAX_HEADER_BYTES + 1))
        );
    }

    #[test]
    fn base64_of_base64_is_not_json() {
        assert_eq!(
            decode(&STANDARD.encode(encode(&json!({})))),
            Err(HeaderError::Json)
        );
    }
}
