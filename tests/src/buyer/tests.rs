use insforge_protocol::evm::signature::{Signature, SignatureError};

use super::*;

fn judged(signed: &Signed) -> Result<(), SignatureError> {
    let text = alloy_primitives::hex::encode_prefixed(&signed.signature);
    match Signature::parse(&text)? {
        Signature::Eoa(signature) => {
            signature.verify(signed.auth.digest(&signed.offer.domain), signed.auth.from)
        }
        Signature::ContractWallet(_) => panic!("65 bytes at most"),
    }
}

#[test]
fn a_signature_is_taken_and_each_spoilt_one_is_refused_for_its_own_reason() {
    let (buyer, offer) = (Buyer::new(), Offer::usdt0());
    let good = buyer.pay(&offer);
    assert_eq!(judged(&good), Ok(()));
    assert_eq!(judged(&good.clone().with_bare_v()), Ok(()));
    assert_eq!(judged(&good.clone().with_high_s()), Err(SignatureError::HighS));
    assert_eq!(judged(&good.clone().compact()), Err(SignatureError::Compact));
    let stolen = good.clone().claimed_by(&Buyer::new());
    assert!(matches!(judged(&stolen), Err(SignatureError::WrongSigner(_))));
    assert!(matches!(
        judged(&good.with_value(1)),
        Err(SignatureError::WrongSigner(_))
    ));
}

#[test]
fn a_key_from_outside_gives_its_known_address_and_never_shows_itself() {
    // Hardhat's first account, public by design.
    let secret = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let buyer = Buyer::from_hex(secret).unwrap();
    assert_eq!(
        buyer.address.to_string(),
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    );
    assert!(!format!("{buyer:?}").contains("ac0974"));
    assert!(
        !Buyer::from_hex("0xac0974")
            .unwrap_err()
            .to_string()
            .contains("ac0974")
    );
}
