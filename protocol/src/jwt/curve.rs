//! Public checks on key material, made once when a key set is read.
//!
//! The signature library checks points again when it verifies; here a bad key is turned away early,
//! so that an operator sees it in the key set instead of in every user's failed sign-in.

use alloy_primitives::{U256, b256, uint};

/// The prime of P-256's field (SP 800-186 §3.2.1.3).
const P256_PRIME: U256 = uint!(0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff_U256);

/// The constant `b` of P-256's equation y² = x³ − 3x + b.
const P256_B: U256 = uint!(0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b_U256);

/// The encodings, sign bit cleared, of Ed25519's points of small order: y = 0, 1, −1 and the two of
/// order eight, then the two values that only a lax decoder accepts (p and p + 1). A signature under
/// such a key can be valid for many messages.
const ED25519_SMALL_ORDER: [[u8; 32]; 7] = [
    b256!("0000000000000000000000000000000000000000000000000000000000000000").0,
    b256!("0100000000000000000000000000000000000000000000000000000000000000").0,
    b256!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").0,
    b256!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05").0,
    b256!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a").0,
    b256!("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").0,
    b256!("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").0,
];

/// Whether big-endian coordinates are a point of P-256 other than infinity.
pub(super) fn is_on_p256(x: &[u8; 32], y: &[u8; 32]) -> bool {
    let (x, y) = (U256::from_be_bytes(*x), U256::from_be_bytes(*y));
    if x >= P256_PRIME || y >= P256_PRIME {
        return false;
    }
    let mul = |a: U256, b: U256| a.mul_mod(b, P256_PRIME);
    let minus_3x = (P256_PRIME - x).mul_mod(U256::from(3), P256_PRIME);
    let right = mul(mul(x, x), x)
        .add_mod(minus_3x, P256_PRIME)
        .add_mod(P256_B, P256_PRIME);
    mul(y, y) == right
}

/// Whether an Ed25519 public key is one of the few points whose signatures prove nothing.
pub(super) fn is_small_order_ed25519(key: &[u8; 32]) -> bool {
    let mut y = *key;
    y[31] &= 0x7f;
    ED25519_SMALL_ORDER.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_point_is_on_the_curve_and_its_neighbour_is_not() {
        let x = b256!("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296").0;
        let mut y = b256!("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5").0;
        assert!(is_on_p256(&x, &y));
        y[31] ^= 1;
        assert!(!is_on_p256(&x, &y));
        assert!(!is_on_p256(&[0; 32], &[0; 32]));
        assert!(!is_on_p256(&[0xff; 32], &y));
    }

    #[test]
    fn the_identity_and_its_kin_are_small_order_with_either_sign() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(is_small_order_ed25519(&identity));
        identity[31] = 0x80;
        assert!(is_small_order_ed25519(&identity));
        assert!(!is_small_order_ed25519(&[9; 32]));
    }
}
