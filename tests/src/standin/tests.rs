use std::time::Duration;

use anyhow::Result;
use insforge_protocol::okx::{self, Endpoint, Generation};
use insforge_protocol::x402::{Payment, Requirements};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::buyer::{Buyer, Form, Offer, Signed, unix_now};
use crate::http;

const DEADLINE: Duration = Duration::from_secs(20);

async fn post(standin: &StandIn, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
    signed_post(standin, standin.credentials(), path, body, unix_now() * 1_000).await
}

async fn signed_post(
    standin: &StandIn,
    credentials: &Credentials,
    path: &str,
    body: &Value,
    unix_millis: u64,
) -> Result<(StatusCode, Value)> {
    let (text, timestamp) = (body.to_string(), okx::timestamp(unix_millis));
    let sign = okx::sign(&credentials.secret, &timestamp, "POST", path, &text);
    let request = http::client()?.post(format!("{}{path}", standin.url()));
    let request = request
        .header("OK-ACCESS-KEY", &credentials.key)
        .header("OK-ACCESS-SIGN", sign);
    let request = request.header("OK-ACCESS-PASSPHRASE", &credentials.passphrase);
    let sent = request
        .header("OK-ACCESS-TIMESTAMP", timestamp)
        .body(text)
        .send()
        .await?;
    Ok((sent.status(), sent.json().await?))
}

fn settle_body(generation: Generation, signed: &Signed) -> Value {
    let form = if generation == Generation::One {
        Form::Hybrid
    } else {
        Form::V2
    };
    let required = Requirements::parse(&signed.requirements(form)).unwrap();
    okx::settle_body(
        generation,
        &Payment::parse(&signed.payment(form)).unwrap(),
        &required,
        true,
    )
}

async fn settle(standin: &StandIn, signed: &Signed) -> Result<Value> {
    let path = Generation::Two.path(Endpoint::Settle);
    Ok(post(standin, &path, &settle_body(Generation::Two, signed))
        .await?
        .1["data"]
        .clone())
}

async fn rpc(standin: &StandIn, method: &str, params: Value) -> Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let answer: Value = http::client()?
        .post(standin.rpc_url("a"))
        .body(body)
        .send()
        .await?
        .json()
        .await?;
    Ok(answer)
}

#[tokio::test]
async fn each_fault_of_the_credentials_gets_its_own_code() -> Result<()> {
    let standin = StandIn::start().await?;
    let good = standin.credentials().clone();
    let path = Generation::Two.path(Endpoint::Settle);
    let now = unix_now() * 1_000;
    let cases = [
        (
            "50111",
            Credentials {
                key: "other".into(),
                ..good.clone()
            },
            now,
        ),
        (
            "50113",
            Credentials {
                secret: "other".into(),
                ..good.clone()
            },
            now,
        ),
        (
            "50105",
            Credentials {
                passphrase: "other".into(),
                ..good.clone()
            },
            now,
        ),
        (
            "50103",
            Credentials {
                key: String::new(),
                ..good.clone()
            },
            now,
        ),
        ("50112", good.clone(), now - 31_000),
        ("50112", good.clone(), now + 3_600_000),
    ];
    for (code, credentials, time) in cases {
        let (status, body) = signed_post(&standin, &credentials, &path, &json!({}), time).await?;
        assert_eq!((status.as_u16(), body["code"].to_string().as_str()), (401, code));
    }
    let (status, body) = signed_post(&standin, &good, &path, &json!({}), now - 20_000).await?;
    assert_eq!(
        (status.as_u16(), body["code"].to_string().as_str()),
        (400, "51000")
    );
    Ok(())
}

#[tokio::test]
async fn a_payment_settles_once_and_its_second_use_names_no_hash() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdt0());
    let first = settle(&standin, &signed).await?;
    assert_eq!(
        (&first["success"], &first["status"]),
        (&json!(true), &json!("success"))
    );
    let transfers = standin.chain().transfers_of(signed.nonce());
    assert_eq!(transfers.len(), 1);
    assert_eq!(first["transaction"], json!(transfers[0].tx));

    let second = settle(&standin, &signed).await?;
    assert_eq!(second["errorReason"], "invalid signature, nonce_used");
    assert_eq!(
        (&second["success"], &second["transaction"]),
        (&json!(false), &json!(""))
    );
    assert_eq!(standin.chain().transfers_of(signed.nonce()).len(), 1);
    Ok(())
}

#[tokio::test]
async fn every_bad_payment_is_refused_in_the_words_of_okx() -> Result<()> {
    let standin = StandIn::start().await?;
    let (buyer, offer) = (Buyer::new(), Offer::usdg());
    let poor = Buyer::new();
    standin.chain().fund(
        offer.domain.verifying_contract,
        poor.address,
        alloy_primitives::U256::ZERO,
    );
    let mut elsewhere = offer.clone();
    elsewhere.pay_to = buyer.address;
    let wrong_domain = Offer {
        domain: Offer::usdt0().domain,
        ..offer.clone()
    };
    let mut foreign = buyer.pay(&wrong_domain);
    foreign.offer = offer.clone();
    let cases = [
        ("invalid_signature", buyer.pay(&offer).with_high_s()),
        ("invalid_signature", buyer.pay(&offer).claimed_by(&poor)),
        ("invalid_signature", foreign),
        ("expired", buyer.pay_expired(&offer)),
        ("not_yet_valid", buyer.pay_too_early(&offer)),
        (
            "amount mismatch",
            buyer.pay_otherwise(&offer, &offer.clone().priced(1)),
        ),
        ("toAddr mismatch", buyer.pay_otherwise(&offer, &elsewhere)),
        ("insufficient_balance", poor.pay(&offer)),
    ];
    for (reason, signed) in cases {
        let answer = settle(&standin, &signed).await?;
        assert_eq!(
            (answer["success"].as_bool(), answer["errorReason"].as_str()),
            (Some(false), Some(reason))
        );
    }
    assert!(standin.chain().transfers().is_empty());
    Ok(())
}

#[tokio::test]
async fn generation_one_answers_an_array_under_a_text_code() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let path = Generation::One.path(Endpoint::Settle);
    let mut body = settle_body(Generation::One, &signed);
    let (status, paid) = post(&standin, &path, &body).await?;
    assert_eq!((status.as_u16(), &paid["code"]), (200, &json!("0")));
    assert_eq!(paid["data"][0]["success"], json!(true));
    assert_eq!(
        paid["data"][0]["txHash"],
        json!(standin.chain().transfers()[0].tx)
    );
    body["chainIndex"].take();
    let (status, refused) = post(&standin, &path, &body).await?;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &json!("50014")));
    Ok(())
}

#[tokio::test]
async fn a_reset_after_the_effect_leaves_the_money_moved_and_no_answer() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    standin.fault(Rule::once("settle", Fault::after_effect(Say::Reset)));
    assert!(settle(&standin, &signed).await.is_err());
    assert_eq!(standin.chain().transfers_of(signed.nonce()).len(), 1);
    standin.fault(Rule::once("settle", Fault::before_effect(Say::Reset)));
    let other = Buyer::new().pay(&Offer::usdg());
    assert!(settle(&standin, &other).await.is_err());
    assert!(standin.chain().transfers_of(other.nonce()).is_empty());
    assert_eq!(standin.calls().of("settle").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_what_it_set_in_motion() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let gated = Fault {
        gate_before: Some("go".to_owned()),
        ..Fault::default()
    };
    standin.fault(Rule::once("settle", gated));
    let asking = settle(&standin, &signed);
    let seen = standin
        .calls()
        .wait(DEADLINE, "a settle", |calls| !calls.is_empty());
    tokio::select! {
        answered = asking => panic!("answered through a closed gate: {answered:?}"),
        seen = seen => seen?,
    }
    standin.open_gate("go");
    let answered = |calls: &[Call]| calls.iter().all(|call| call.answer.is_some());
    standin
        .calls()
        .wait(DEADLINE, "the end of the settle", answered)
        .await?;
    assert_eq!(standin.chain().transfers_of(signed.nonce()).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_payment_on_its_way_is_reported_as_in_progress_until_a_block_takes_it() -> Result<()> {
    let standin = StandIn::start().await?;
    standin.configure(|settings| settings.duplicate_window_ms = 60_000);
    let signed = Buyer::new().pay(&Offer::usdg());
    standin.fault(Rule::once("settle", Fault::sent(Say::Truth)));
    let first = settle(&standin, &signed).await?;
    assert_eq!(
        (&first["success"], &first["status"]),
        (&json!(true), &json!("timeout"))
    );
    assert_eq!(
        settle(&standin, &signed).await?["errorReason"],
        "payment processing"
    );
    standin.chain().include_all();
    assert_eq!(
        settle(&standin, &signed).await?["errorReason"],
        "invalid signature, nonce_used"
    );
    Ok(())
}

#[tokio::test]
async fn the_rpc_shows_what_the_chain_did() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    settle(&standin, &signed).await?;
    let seen = standin.chain().transfers_of(signed.nonce()).remove(0);
    let receipt = rpc(&standin, "eth_getTransactionReceipt", json!([seen.tx])).await?;
    assert_eq!(receipt["result"]["status"], "0x1");
    assert_eq!(receipt["result"]["logs"].as_array().map(Vec::len), Some(2));
    let filter = json!({"address": seen.token, "fromBlock": "0x0", "toBlock": "latest",
        "topics": [chain::TOPIC_USED, signed.auth.from.into_word(), signed.nonce()]});
    let logs = rpc(&standin, "eth_getLogs", json!([filter])).await?;
    assert_eq!(logs["result"][0]["transactionHash"], json!(seen.tx));
    let state = format!("0xe94a0102{:x}{:x}", signed.auth.from.into_word(), signed.nonce());
    let used = rpc(
        &standin,
        "eth_call",
        json!([{"to": seen.token, "data": state}, "latest"]),
    )
    .await?;
    assert!(
        used["result"].as_str().is_some_and(|word| word.ends_with('1')),
        "{used}"
    );
    standin.configure(|settings| settings.rpc_lag = [("a".to_owned(), 50)].into());
    let behind = rpc(&standin, "eth_getTransactionReceipt", json!([seen.tx])).await?;
    assert_eq!(behind["result"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn another_process_can_ask_for_faults_and_read_what_happened() -> Result<()> {
    let standin = StandIn::start().await?;
    let fault = Fault::before_effect(Say::Refusal("payer_blocked".to_owned()));
    let command = admin::Command::Faults(vec![Rule::once("settle", fault)]);
    let control = format!("{}/_standin", standin.url());
    http::client()?
        .post(&control)
        .json(&command)
        .send()
        .await?
        .error_for_status()?;
    let signed = Buyer::new().pay(&Offer::usdg());
    assert_eq!(settle(&standin, &signed).await?["errorReason"], "payer_blocked");
    settle(&standin, &signed).await?;
    let transfers: Value = http::client()?
        .get(format!("{control}/transfers"))
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(transfers[0]["nonce"], json!(signed.nonce()));
    Ok(())
}

#[tokio::test]
async fn a_stopped_stand_in_comes_back_on_its_port_with_its_chain() -> Result<()> {
    let standin = StandIn::start().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    settle(&standin, &signed).await?;
    standin.stop().await;
    assert!(settle(&standin, &Buyer::new().pay(&Offer::usdg())).await.is_err());
    standin.resume().await?;
    assert_eq!(
        settle(&standin, &signed).await?["errorReason"],
        "invalid signature, nonce_used"
    );
    Ok(())
}
