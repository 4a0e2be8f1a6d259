//! Header values: any bytes. What is read comes back when it is written, and nothing is read twice over.

#![no_main]

use insforge_protocol::x402::header::{HeaderError, MAX_HEADER_BYTES, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = std::str::from_utf8(data) else { return };
    match decode(value) {
        Ok(message) => {
            let written = encode(&message);
            assert!(written.bytes().all(|b| b.is_ascii_graphic()), "a header value is one line of ASCII");
            if written.len() <= MAX_HEADER_BYTES {
                assert_eq!(decode(&written).as_ref(), Ok(&message));
                // Base64 of base64 is another message, or none.
                assert!(decode(&encode(&serde_json::Value::String(written))).is_ok());
            }
        }
        Err(HeaderError::TooLong(length)) => assert_eq!(length, value.len()),
        Err(error) => {
            assert!(value.len() <= MAX_HEADER_BYTES);
            assert!(error.sqlstate().starts_with("X4H") && !error.to_string().contains(char::is_control));
        }
    }
});
