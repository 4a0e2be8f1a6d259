//! A payment that is valid: case 001 of the EIP-3009 vectors, as a v2 message. Its key is public.

use insforge_protocol::ledger::Status;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Claim, Lease};

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const VALID_BEFORE: u64 = 1_790_000_300;

pub(crate) fn claim() -> Claim {
    let requirements = json!({
        "scheme": "exact",
        "network": "eip155:196",
        "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8",
        "payTo": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "amount": "10713377",
        "maxTimeoutSeconds": 300,
        "extra": {"name": "Global Dollar", "version": "1"},
    });
    let payment = json!({
        "x402Version": 2,
        "accepted": requirements,
        "payload": {
            "signature": "0x8c408d369305c3c3f8adf1c9c8096814333801a4e35f2f7ec8212b61ea1b952a54ef360d7bec4b0c7807574c14cce6fbaf7027944a4a5bb460d9d9be3ac7dc0b1b",
            "authorization": {
                "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                "to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                "value": "10713377",
                "validAfter": "0",
                "validBefore": "1790000300",
                "nonce": "0x29478b02501ba8d0dd48ec00db27396333a4cc465b2be908c2654f194ac30241",
            },
        },
    });
    Claim {
        lease: Lease {
            id: Uuid::from_u128(1),
            token: 1,
        },
        status: Status::Pending,
        begun: false,
        attempt: 0,
        uncertain: false,
        tx_hash: None,
        payment,
        requirements,
        created_unix: NOW,
        since_unix: NOW,
        now_unix: NOW,
        claimed_at: Instant::now(),
    }
}
