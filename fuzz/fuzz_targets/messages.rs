//! A payment and requirements: any JSON, one document after the other. No text is judged valid unless the
//! payer signed exactly what is required, whatever else the messages say.

#![no_main]

use insforge_protocol::asset::true_domain;
use insforge_protocol::evm::signature::Signature;
use insforge_protocol::judge::{Domains, Judgement, Verdict, judge_json};
use insforge_protocol::okx::{Generation, settle_body};
use insforge_protocol::x402::{Payment, Reason, Requirements, Resource, payment_required};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NOW: u64 = 1_790_000_000;

fuzz_target!(|data: &[u8]| {
    let mut documents = serde_json::Deserializer::from_slice(data).into_iter::<Value>();
    let (Some(Ok(payment)), Some(Ok(requirements))) = (documents.next(), documents.next()) else {
        return;
    };
    let judgement = judge_json(&payment, &requirements, Domains::Vouched(&[]), NOW);
    if let Verdict::Invalid(reason) = &judgement.verdict {
        say(reason);
    }
    if let Some(read) = &judgement.payment {
        assert_eq!(Payment::parse(read.raw()).as_ref(), Ok(read));
        hides_signature(read);
    }
    if let Some(read) = &judgement.requirements {
        challenge(read);
    }
    if let Judgement {
        verdict,
        payment: Some(payment),
        requirements: Some(requirements),
    } = &judgement
    {
        forward(payment, requirements);
        if *verdict == Verdict::Valid {
            proven(payment, requirements);
        }
    }
});

/// Nobody reads a signature in a log, unless it is short or another member says the same.
fn hides_signature(read: &Payment) {
    let signature = read.signature.reveal().to_lowercase();
    let said = read.raw().to_string().to_lowercase().matches(&signature).count();
    let shown = format!("{read:?}").to_lowercase().contains(&signature);
    assert!(!shown || signature.len() < 40 || said > 1);
}

/// A reason can be put into a header, a log and an SQL error.
fn say(reason: &Reason) {
    let text = reason.to_string();
    assert!(!text.is_empty() && text.len() < 400 && !text.contains(char::is_control), "{text:?}");
    assert!(reason.sqlstate().starts_with("X4") && !reason.code().is_empty());
}

/// Requirements that can be read can be offered, and read back as the same terms.
fn challenge(read: &Requirements) {
    let resource = Resource {
        url: "https://api.example.com/".into(),
        ..Resource::default()
    };
    let message = payment_required(&read.raw, &resource, "pay").expect("what was read can be offered");
    let again = Requirements::parse(&message["accepts"][0]).expect("what is offered can be read");
    assert_eq!((again.network, again.asset, again.pay_to), (read.network, read.asset, read.pay_to));
    assert_eq!(again.amount, read.amount);
}

/// What goes to the facilitator has the seller's terms in it, in both generations.
fn forward(payment: &Payment, requirements: &Requirements) {
    for generation in [Generation::One, Generation::Two] {
        let body = settle_body(generation, payment, requirements, true);
        let sent = &body["paymentRequirements"];
        let member = match generation {
            Generation::One => "maxAmountRequired",
            Generation::Two => "amount",
        };
        assert_eq!(sent[member], requirements.amount.to_string());
    }
}

fn proven(payment: &Payment, requirements: &Requirements) {
    let signed = &payment.authorization;
    assert_eq!((signed.to, signed.value), (requirements.pay_to, requirements.amount));
    assert_eq!(payment.network, requirements.network);
    let domain = true_domain(requirements.network, requirements.asset, &[]).expect("the domain is known");
    let Ok(Signature::Eoa(signature)) = Signature::parse(payment.signature.reveal()) else {
        panic!("only a key's signature is judged valid offline");
    };
    assert_eq!(signature.recover(signed.digest(&domain)), Ok(signed.from));
}
