//! Key sets: any bytes. No key of any set makes a forged signature good.

#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insforge_protocol::jwt::{Alg, Key, KeySet, Keys, Profile, Token, verify_with_keys};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const ALGS: [Alg; 5] = [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA, Alg::HS256];

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let settings = json!({"iss": "i", "aud": "a", "algs": ["RS256", "PS256", "ES256", "EdDSA"]});
    serde_json::from_value(settings).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Ok(set) = KeySet::parse(data) else { return };
    let stored = set.to_json();
    let again = KeySet::from_json(&stored).unwrap();
    assert_eq!((again.keys().len(), again.skipped().len()), (set.keys().len(), 0));
    assert_eq!(again.to_json(), stored);
    let keys = Keys::from_set(set);
    for key in keys.set.keys() {
        forge(key, &keys);
    }
});

/// Signatures that cost nothing to make, of every length a key of this kind could have made.
fn forge(key: &Key, keys: &Keys) {
    for alg in ALGS {
        let header = json!({"alg": alg.name(), "kid": key.kid()});
        let header = if key.kid().is_some() {
            header
        } else {
            json!({"alg": alg.name()})
        };
        let payload = json!({"iss": "i", "aud": "a", "sub": "u", "exp": NOW + 60});
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let input = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(payload.to_string().as_bytes())
        );
        for (length, fill) in [(64, 0), (64, 1), (256, 0), (256, 1), (512, 1), (32, 0)] {
            let text = format!("{input}.{}", encode(&vec![fill; length]));
            let token = Token::parse(&text).unwrap();
            assert!(verify_with_keys(&token, &PROFILE, keys, NOW).is_err());
        }
    }
}
