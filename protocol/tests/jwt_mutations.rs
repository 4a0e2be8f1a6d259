//! Ten thousand damaged tokens: none may verify, none may panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod jwt_support;

use std::collections::HashSet;

use insforge_protocol::jwt;
use jwt_support::issuer::{decode, encode, encode_json};
use jwt_support::vectors::{self, Case, Expect};
use serde_json::{Value, json};

const MUTATIONS: usize = 10_000;
const SEED: u64 = 0x1a5f_06e3_70c8_b24d;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HOSTILE: &[u8] = b".=+/ \n\t\0\"{}%~";

/// SplitMix64: the same mutations in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn character(&mut self) -> char {
        let set = if self.below(8) == 0 { HOSTILE } else { ALPHABET };
        char::from(*self.pick(set))
    }
}

#[test]
fn ten_thousand_mutations_of_valid_tokens_never_verify() {
    let vectors = vectors::load();
    let valid: Vec<&Case> = vectors
        .cases
        .iter()
        .filter(|case| case.expect == Expect::Accept)
        .collect();
    let originals: HashSet<&str> = valid.iter().map(|case| case.token.as_str()).collect();
    let mut random = Random(SEED);
    let mut tried = 0;
    while tried < MUTATIONS {
        let case = random.pick(&valid);
        let other = &random.pick(&valid).token;
        let mutant = mutate(&mut random, &case.token, other);
        // A splice can rebuild a token that is valid in its own right.
        if originals.contains(mutant.as_str()) {
            continue;
        }
        tried += 1;
        let result = jwt::verify(&mutant, &vectors.profiles[&case.profile], case.now.unwrap());
        assert!(
            result.is_err(),
            "mutation {tried} of {} verifies: {mutant}",
            case.id
        );
    }
}

fn mutate(random: &mut Random, token: &str, other: &str) -> String {
    match random.below(4) {
        0 => change_characters(random, token),
        1 => change_length(random, token),
        2 => change_parts(random, token, other),
        _ => change_meaning(random, token),
    }
}

fn change_characters(random: &mut Random, token: &str) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(characters.len());
        let with = random.below(characters.len());
        if random.below(2) == 0 {
            characters[at] = random.character();
        } else {
            characters.swap(at, with);
        }
    }
    characters.into_iter().collect()
}

fn change_length(random: &mut Random, token: &str) -> String {
    let (at, end) = (random.below(token.len()), random.below(token.len() + 1));
    let (from, to) = (at.min(end), at.max(end));
    match random.below(5) {
        0 => token[..at].to_owned(),
        1 => token[at..].to_owned(),
        2 => format!("{}{}{}", &token[..at], random.character(), &token[at..]),
        3 => format!("{}{}", &token[..from], &token[to..]),
        _ => format!("{}{}{}", &token[..to], &token[from..to], &token[to..]),
    }
}

fn change_parts(random: &mut Random, token: &str, other: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let others: Vec<&str> = other.split('.').collect();
    let at = random.below(3);
    match random.below(5) {
        0 => parts[at] = others[at].to_owned(),
        1 => parts[at].clear(),
        2 => parts.swap(at, (at + 1) % 3),
        3 => parts[at].push('='),
        _ => {
            let mut bytes = decode(&parts[at]);
            let bit = random.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            parts[at] = encode(&bytes);
        }
    }
    parts.join(".")
}

/// Well-formed tokens that say something else, or the same in other bytes, under the old signature.
fn change_meaning(random: &mut Random, token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
    let (mut header, mut payload) = (read(parts[0]), read(parts[1]));
    match random.below(6) {
        0 => {
            header["alg"] = (*random.pick(&["none", "HS256", "RS256", "ES256", "PS256", "EdDSA", ""])).into()
        }
        1 => header["kid"] = random.next().to_string().into(),
        2 => payload["sub"] = format!("user_{}", random.next()).into(),
        3 => payload["exp"] = (1_900_000_000 + random.below(1_000_000)).into(),
        4 => payload["role"] = "project_admin".into(),
        _ => header["jwk"] = json!({"kty": "oct", "k": encode(b"attacker")}),
    }
    format!("{}.{}.{}", encode_json(&header), encode_json(&payload), parts[2])
}
