use super::*;

const USDG: &str = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
const PAYEE: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";

/// Low s, v = 0.
fn signature(v: &str) -> String {
    format!("0x{}{}{v}", "11".repeat(32), "22".repeat(32))
}

fn payload() -> Value {
    json!({ "signature": signature("00"), "hint": { "from": "buyer" }, "authorization": {
        "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "to": PAYEE, "value": "10000", "validAfter": "0",
        "validBefore": "1790000300", "nonce": format!("0x{}", "5a".repeat(32)), "memo": "kept" } })
}

fn offer_v2() -> Value {
    json!({ "scheme": "exact", "network": "eip155:196", "amount": "10000", "asset": USDG, "payTo": PAYEE,
        "maxTimeoutSeconds": 300, "extra": { "name": "Global Dollar", "version": "1", "tier": 3 } })
}

fn offer_v1() -> Value {
    let mut offer = offer_v2();
    offer["maxAmountRequired"] = offer["amount"].take();
    offer["description"] = json!("report");
    offer
}

fn payment_v2() -> Value {
    json!({ "x402Version": 2, "resource": { "url": "u" }, "accepted": offer_v2(), "payload": payload(),
        "extensions": { "x": 1 } })
}

fn payment_v1() -> Value {
    json!({ "x402Version": "1", "scheme": "exact", "network": "xlayer", "payload": payload(), "more": [1] })
}

fn body(generation: Generation, payment: &Value, offer: &Value) -> Value {
    let payment = Payment::parse(payment).unwrap();
    settle_body(generation, &payment, &Requirements::parse(offer).unwrap(), false)
}

/// The payload as it must go out: everything kept, v as tokens take it.
fn sent_payload() -> Value {
    let mut sent = payload();
    sent["signature"] = json!(signature("1b"));
    sent
}

#[test]
fn generation_2_gets_the_buyers_v2_message_whole_and_the_sellers_requirements() {
    let mut payment = payment_v2();
    payment["accepted"]["extra"]["tier"] = json!("the buyer's word");
    let body = body(Generation::Two, &payment, &offer_v2());
    payment["payload"] = sent_payload();
    let expected = json!({ "x402Version": 2, "paymentPayload": payment, "paymentRequirements": offer_v2(),
        "syncSettle": false });
    assert_eq!(body, expected);
}

#[test]
fn generation_1_names_the_chain_beside_the_requirements() {
    let body = body(Generation::One, &payment_v1(), &offer_v1());
    let mut requirements = offer_v1();
    requirements.as_object_mut().unwrap().remove("network");
    requirements.as_object_mut().unwrap().remove("amount");
    let payment = json!({ "x402Version": 1, "scheme": "exact", "network": "xlayer", "payload": sent_payload(),
        "more": [1] });
    let expected = json!({ "x402Version": 1, "chainIndex": "196", "paymentPayload": payment,
        "paymentRequirements": requirements, "syncSettle": false });
    assert_eq!(body, expected);
}

#[test]
fn a_v1_buyer_is_translated_for_generation_2() {
    let body = body(Generation::Two, &payment_v1(), &offer_v1());
    let sent = &body["paymentPayload"];
    assert_eq!(
        (&sent["x402Version"], &sent["payload"], &sent["more"]),
        (&json!(2), &sent_payload(), &json!([1]))
    );
    assert_eq!(sent["accepted"], body["paymentRequirements"]);
    assert_eq!((sent.get("scheme"), sent.get("network")), (None, None));
    let asked = &body["paymentRequirements"];
    assert_eq!(
        (&asked["amount"], asked.get("maxAmountRequired")),
        (&json!("10000"), None)
    );
    assert_eq!(
        (&asked["network"], &asked["description"]),
        (&json!("eip155:196"), &json!("report"))
    );
}

#[test]
fn a_v2_buyer_is_translated_for_generation_1() {
    let body = body(Generation::One, &payment_v2(), &offer_v2());
    let sent = &body["paymentPayload"];
    let chain = (
        &sent["x402Version"],
        &sent["scheme"],
        &sent["network"],
        sent.get("accepted"),
    );
    assert_eq!(chain, (&json!(1), &json!("exact"), &json!("eip155:196"), None));
    assert_eq!(
        (&sent["payload"], &sent["extensions"]),
        (&sent_payload(), &json!({ "x": 1 }))
    );
    assert_eq!(body["paymentRequirements"]["maxAmountRequired"], "10000");
}

#[test]
fn what_was_sent_reads_back_as_the_same_payment() {
    for (generation, payment) in [(Generation::Two, payment_v1()), (Generation::One, payment_v2())] {
        let before = Payment::parse(&payment).unwrap();
        let after = Payment::parse(&body(generation, &payment, &offer_v2())["paymentPayload"]).unwrap();
        assert_eq!(
            (before.authorization, before.network),
            (after.authorization, after.network)
        );
    }
}

#[test]
fn whether_to_wait_is_always_said_to_settle_and_never_to_verify() {
    let payment = Payment::parse(&payment_v2()).unwrap();
    let requirements = Requirements::parse(&offer_v2()).unwrap();
    for generation in [Generation::One, Generation::Two] {
        for sync in [false, true] {
            assert_eq!(
                settle_body(generation, &payment, &requirements, sync)["syncSettle"],
                sync
            );
        }
        assert_eq!(
            verify_body(generation, &payment, &requirements).get("syncSettle"),
            None
        );
    }
}

#[test]
fn okx_addresses_go_out_as_0x() {
    let mut offer = offer_v2();
    offer["payTo"] = json!(PAYEE.replacen("0x", "XKO", 1));
    assert_eq!(
        body(Generation::Two, &payment_v2(), &offer)["paymentRequirements"]["payTo"],
        PAYEE
    );
}

#[test]
fn a_deferred_signature_goes_out_untouched() {
    let mut payment = payment_v2();
    payment["accepted"]["scheme"] = json!("aggr_deferred");
    payment["accepted"]["extra"]["sessionCert"] = json!("Y2VydA==");
    let body = body(Generation::Two, &payment, &offer_v2());
    assert_eq!(body["paymentPayload"], payment);
}

#[test]
fn paths_are_those_that_are_signed() {
    use super::super::Endpoint;
    assert_eq!(Generation::One.path(Endpoint::Settle), "/api/v6/x402/settle");
    assert_eq!(Generation::Two.path(Endpoint::Verify), "/api/v6/pay/x402/verify");
    assert_eq!(
        Generation::Two.path(Endpoint::Supported),
        "/api/v6/pay/x402/supported"
    );
    let status = status_path(B256::repeat_byte(0xab));
    assert_eq!(
        status,
        format!("/api/v6/pay/x402/settle/status?txHash=0x{}", "ab".repeat(32))
    );
}
