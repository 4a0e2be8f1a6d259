use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// What really happens to the money before the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: the request is lost before it is looked at.
    None,
    /// The transaction is sent but in no block; see [`Fault::include_after_ms`].
    Sent,
    /// What a healthy facilitator does.
    #[default]
    Included,
}

/// Which transaction hash an invented answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashForm {
    /// The true one; empty if nothing was sent.
    #[default]
    Real,
    /// `""`
    Empty,
    /// One that no transaction has.
    Invented,
}

/// `success: true` with these members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `pending`, `success`, `timeout`, or anything else.
    pub status: String,
    /// The hash named.
    #[serde(default)]
    pub hash: HashForm,
}

/// What the client gets to see.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// The truth.
    #[default]
    Truth,
    /// The connection is reset, without a byte of an answer.
    Reset,
    /// Nothing, until the client gives up.
    Silence,
    /// This HTTP status with an error page that is no JSON.
    Status(u16),
    /// HTTP 429 and code 50011, with `Retry-After` in seconds if given.
    RateLimited(Option<u32>),
    /// This HTTP status and code in an envelope, without data.
    Code(u16, String),
    /// HTTP 200 with bytes that are no JSON.
    Garbage,
    /// The truth, cut in the middle of the body.
    Truncated,
    /// The truth; the second half of its body comes so many milliseconds after the first.
    Slow(u64),
    /// `success: true` with these members, true or not.
    Success(Answer),
    /// `success: false` with this reason, true or not.
    Refusal(String),
}

/// One misbehaviour: what happens, when, and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What happens to the money.
    pub effect: Effect,
    /// With [`Effect::Sent`]: milliseconds until a block takes the transaction; never, if not given.
    pub include_after_ms: Option<u64>,
    /// Milliseconds before the effect.
    pub delay_before_ms: u64,
    /// Milliseconds between effect and answer.
    pub delay_after_ms: u64,
    /// A gate that must be opened before the effect.
    pub gate_before: Option<String>,
    /// A gate that must be opened between effect and answer.
    pub gate_after: Option<String>,
    /// The answer.
    pub say: Say,
}

impl Fault {
    /// Nothing happens, and the client sees `say`.
    pub fn before_effect(say: Say) -> Fault {
        Fault {
            effect: Effect::None,
            say,
            ..Fault::default()
        }
    }

    /// The payment is made, and the client sees `say`.
    pub fn after_effect(say: Say) -> Fault {
        Fault {
            say,
            ..Fault::default()
        }
    }

    /// The transaction is sent and stays out of every block until the test includes it.
    pub fn sent(say: Say) -> Fault {
        Fault {
            effect: Effect::Sent,
            say,
            ..Fault::default()
        }
    }
}

/// When a fault applies. The first rule that fits is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `supported`, `verify`, `settle`, `status`, `rpc` (any endpoint) or `rpc/NAME`.
    pub target: String,
    /// Only for this payment.
    #[serde(default)]
    pub nonce: Option<B256>,
    /// How often it applies; for ever, if not given.
    #[serde(default)]
    pub times: Option<u32>,
    /// Share of the calls that it applies to.
    #[serde(default = "always")]
    pub probability: f64,
    /// What goes wrong.
    pub fault: Fault,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// Applies to the next call of `target`.
    pub fn once(target: &str, fault: Fault) -> Rule {
        Rule {
            times: Some(1),
            ..Rule::always(target, fault)
        }
    }

    /// Applies to every call of `target`.
    pub fn always(target: &str, fault: Fault) -> Rule {
        Rule {
            target: target.to_owned(),
            nonce: None,
            times: None,
            probability: 1.0,
            fault,
        }
    }

    /// Narrowed to one payment.
    pub fn for_nonce(self, nonce: B256) -> Rule {
        Rule {
            nonce: Some(nonce),
            ..self
        }
    }

    fn fits(&self, target: &str, nonce: Option<B256>) -> bool {
        let named = target == self.target || self.target == "rpc" && target.starts_with("rpc/");
        named && self.times != Some(0) && (self.nonce.is_none() || self.nonce == nonce)
    }
}

/// The rules in force. Chance is drawn from the seed, the nonce and the count of that nonce's calls, never
/// from a shared stream: a run with the same seed is the same whatever order the calls arrive in.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rules: Vec<Rule>,
    pub(super) seed: u64,
    /// How often a rule applied, by its target.
    pub(super) given: BTreeMap<String, u64>,
}

impl Plan {
    pub(super) fn pick(&mut self, target: &str, nonce: Option<B256>, call: u64) -> Option<Fault> {
        let seed = self.seed;
        let hit = |(at, rule): (usize, &Rule)| {
            rule.fits(target, nonce) && draw(seed, nonce, call, at) < rule.probability
        };
        let at = self
            .rules
            .iter()
            .enumerate()
            .position(|(at, rule)| hit((at, rule)))?;
        let rule = &mut self.rules[at];
        rule.times = rule.times.map(|left| left - 1);
        *self.given.entry(rule.target.clone()).or_default() += 1;
        Some(rule.fault.clone())
    }
}

fn draw(seed: u64, nonce: Option<B256>, call: u64, rule: usize) -> f64 {
    let mut input = nonce.unwrap_or_default().to_vec();
    for part in [seed, call, rule as u64] {
        input.extend_from_slice(&part.to_be_bytes());
    }
    let hash = keccak256(input);
    let high = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_used_up_and_the_next_one_takes_over() {
        let first = Rule::once("settle", Fault::before_effect(Say::Reset));
        let rules = vec![first, Rule::always("settle", Fault::after_effect(Say::Garbage))];
        let mut plan = Plan {
            rules,
            seed: 1,
            ..Plan::default()
        };
        let mut pick = || plan.pick("settle", None, 0).map(|f| f.say);
        assert_eq!(
            [pick(), pick(), pick()],
            [Some(Say::Reset), Some(Say::Garbage), Some(Say::Garbage)]
        );
        assert_eq!(plan.pick("verify", None, 0), None);
    }

    #[test]
    fn chance_depends_on_seed_nonce_and_attempt_only() {
        let rule = Rule {
            probability: 0.5,
            ..Rule::always("settle", Fault::default())
        };
        let hits = |seed| {
            let mut plan = Plan {
                rules: vec![rule.clone()],
                seed,
                ..Plan::default()
            };
            let nonces = (0..=255u8).map(B256::repeat_byte);
            nonces
                .map(|n| plan.pick("settle", Some(n), 1).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        assert!((90..166).contains(&hits(7).iter().filter(|h| **h).count()));
    }

    #[test]
    fn a_fault_is_written_as_json_with_only_what_differs() {
        let rule: Rule = serde_json::from_str(
            r#"{"target":"settle","fault":{"effect":"sent","say":{"success":{"status":"timeout"}}}}"#,
        )
        .unwrap();
        let answer = Answer {
            status: "timeout".to_owned(),
            hash: HashForm::Real,
        };
        assert_eq!(rule.fault, Fault::sent(Say::Success(answer)));
        assert!(serde_json::from_str::<Fault>(r#"{"effekt":"none"}"#).is_err());
    }
}
