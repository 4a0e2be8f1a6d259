//! Microseconds per public-key recovery, libsecp256k1 against k256: the measurement behind
//! `docs/adr/0002-signature-recovery.md`.
//!
//! `cargo run --release -p insforge-protocol --example recovery_speed`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for a person, over fixed keys"
)]

use std::hint::black_box;
use std::time::Instant;

use k256::ecdsa::{RecoveryId as K256Id, Signature as K256Signature, SigningKey, VerifyingKey};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

const SIGNATURES: u32 = 64;
const ROUNDS: u32 = 100;
const RUNS: usize = 5;

struct Sample {
    digest: [u8; 32],
    rs: [u8; 64],
    odd: bool,
}

fn main() {
    let samples: Vec<Sample> = (1..=SIGNATURES).map(sample).collect();
    assert!(
        samples.iter().all(|s| libsecp256k1(s) == k256(s)),
        "the two must recover the same key"
    );
    report("libsecp256k1", &samples, libsecp256k1);
    report("k256", &samples, k256);
}

fn sample(n: u32) -> Sample {
    let word = alloy_primitives::keccak256(n.to_be_bytes()).0;
    let key = SigningKey::from_slice(&word).expect("a hash is a key but for one in 2^128");
    let digest = alloy_primitives::keccak256(word).0;
    let (signature, id) = key
        .sign_prehash_recoverable(&digest)
        .expect("a 32-byte digest can be signed");
    Sample {
        digest,
        rs: signature.to_bytes().into(),
        odd: id.is_y_odd(),
    }
}

fn libsecp256k1(sample: &Sample) -> [u8; 65] {
    let id = if sample.odd {
        RecoveryId::One
    } else {
        RecoveryId::Zero
    };
    RecoverableSignature::from_compact(&sample.rs, id)
        .and_then(|signature| signature.recover_ecdsa(Message::from_digest(sample.digest)))
        .expect("the signature is sound")
        .serialize_uncompressed()
}

fn k256(sample: &Sample) -> [u8; 65] {
    let signature = K256Signature::from_slice(&sample.rs).expect("the signature is sound");
    let key = VerifyingKey::recover_from_prehash(&sample.digest, &signature, K256Id::new(sample.odd, false))
        .expect("the signature is sound");
    key.to_encoded_point(false)
        .as_bytes()
        .try_into()
        .expect("an uncompressed point has 65 bytes")
}

fn report(name: &str, samples: &[Sample], recover: fn(&Sample) -> [u8; 65]) {
    let mut runs: Vec<f64> = (0..RUNS).map(|_| run(samples, recover)).collect();
    runs.sort_by(f64::total_cmp);
    let each: Vec<_> = runs.iter().map(|micros| format!("{micros:.1}")).collect();
    println!(
        "{name:>12}: median {:.1} µs per recovery (runs: {})",
        runs[RUNS / 2],
        each.join(", ")
    );
}

fn run(samples: &[Sample], recover: fn(&Sample) -> [u8; 65]) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for sample in samples {
            black_box(recover(black_box(sample)));
        }
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS * SIGNATURES)
}
