use std::collections::HashSet;

use alloy_primitives::Address;

use super::*;
use crate::x402::Problem;

fn every_reason() -> Vec<Reason> {
    use HeaderError::{Base64, Empty, Json, RawJson, TooLong, Utf8};
    let (network, asset) = (Network::X_LAYER, Address::ZERO);
    let member = Problem::Missing.of("amount");
    let mut reasons: Vec<Reason> = [TooLong(1), Empty, RawJson, Base64, Utf8, Json]
        .into_iter()
        .map(Reason::Header)
        .collect();
    reasons.extend([
        Reason::Version,
        Reason::Payload(member),
        Reason::Requirements(member),
        Reason::PayloadType,
        Reason::unsupported_scheme("upto"),
        Reason::SchemeMismatch,
        Reason::network("solana"),
        Reason::NetworkMismatch {
            paid: network,
            required: network,
        },
        Reason::UnknownAsset { network, asset },
        Reason::UnverifiedAsset { network, asset },
        Reason::TokenName("USDC".into()),
        Reason::TokenVersion("2".into()),
        Reason::Recipient,
        Reason::Value,
        Reason::ChoiceMismatch { field: "amount" },
        Reason::ValidBefore,
        Reason::ValidAfter,
        Reason::Signature(SignatureError::HighS),
        Reason::DuplicateSettlement,
        Reason::NonceUsed,
        Reason::InsufficientBalance,
        Reason::Eip3009NotSupported,
        Reason::SettlementPending,
        Reason::UnexpectedVerify,
        Reason::UnexpectedSettle,
    ]);
    reasons
}

#[test]
fn the_documented_table_lists_exactly_the_reasons() {
    let documented: HashSet<(&str, &str)> = include_str!("../reason.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("/// | X4"))
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .map(|cells| (cells[0], cells[1]))
        .collect();
    let reasons = every_reason();
    let ours: HashSet<(&str, &str)> = reasons.iter().map(|r| (&r.sqlstate()[2..], r.code())).collect();
    assert_eq!(documented, ours);
    assert_eq!(ours.len(), reasons.len(), "an SQLSTATE is used twice");
}

#[test]
fn sqlstates_are_five_characters_of_class_x4() {
    for reason in every_reason() {
        let state = reason.sqlstate();
        let sound = state
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        assert!(state.len() == 5 && state.starts_with("X4") && sound, "{state}");
    }
}

#[test]
fn foreign_text_in_a_message_is_cut_and_escaped() {
    let message = Reason::network(&"\n\"x".repeat(1000)).to_string();
    assert!(message.len() < 400 && !message.contains('\n'), "{message}");
}

#[test]
fn foreign_text_of_control_characters_takes_no_more_room_than_other_text() {
    for (text, longest) in [("e", 64), ("\u{7f}", 10), ("\"", 32), ("é", 64)] {
        let Reason::UnsupportedScheme(kept) = Reason::unsupported_scheme(&text.repeat(100)) else {
            panic!()
        };
        assert_eq!(kept, text.repeat(longest));
    }
}
