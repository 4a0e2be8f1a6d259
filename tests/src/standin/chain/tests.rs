use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use insforge_protocol::evm::Authorization;

use super::*;

const PAYER: Address = Address::repeat_byte(0xaa);
const PAYEE: Address = Address::repeat_byte(0xbb);
const RELAYER: Address = Address::repeat_byte(0xcc);

fn chain() -> (Chain, Arc<ChainClock>, Address) {
    let clock = Arc::new(ChainClock::default());
    let usdg = Token::usdg();
    let token = usdg.address;
    (
        Chain::new(196, [usdg, Token::usdt0()], clock.clone()),
        clock,
        token,
    )
}

fn authorization(chain: &Chain, nonce: u8, value: u64) -> Authorization {
    Authorization {
        from: PAYER,
        to: PAYEE,
        value: U256::from(value),
        valid_after: U256::ZERO,
        valid_before: U256::from(chain.now() + 300),
        nonce: B256::repeat_byte(nonce),
    }
}

fn pay(chain: &mut Chain, token: Address, auth: Authorization) -> Receipt {
    let hash = chain.send(RELAYER, vec![Action::UseAuthorization(token, auth)]);
    chain.include(hash).unwrap()
}

#[test]
fn known_separators_equal_those_that_the_domain_gives() {
    for token in [Token::usdg(), Token::usdt0(), Token::usdc_bridged()] {
        assert_eq!(token.computed_separator(196), token.separator, "{}", token.name);
    }
}

#[test]
fn a_payment_moves_the_amount_and_logs_the_use_right_before_the_transfer() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let receipt = pay(&mut chain, token, auth);
    assert!(receipt.success);
    let topics: Vec<B256> = receipt.logs.iter().map(|l| l.topics[0]).collect();
    assert_eq!(topics, [TOPIC_USED, TOPIC_TRANSFER]);
    assert_eq!(
        chain.ledger().nonce(token, PAYER, auth.nonce),
        Some(NonceState::Used)
    );
    let gained = chain.ledger().balance(token, PAYEE) - Token::usdg().default_balance;
    assert_eq!(gained, U256::from(10_000));
    assert_eq!(chain.transfers_of(auth.nonce).len(), 1);
}

#[test]
fn a_nonce_burns_once_and_the_second_transaction_reverts_without_logs() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    pay(&mut chain, token, auth);
    let second = pay(&mut chain, token, auth);
    assert!(!second.success);
    assert!(second.logs.is_empty());
    assert_eq!(chain.transfers_of(auth.nonce).len(), 1);
    assert_eq!(
        chain.ledger().check(token, &auth, chain.now()),
        Err(Revert::NonceBurnt)
    );
}

#[test]
fn both_ends_of_the_window_are_strict() {
    let (chain, _, token) = chain();
    let mut auth = authorization(&chain, 1, 1);
    auth.valid_after = U256::from(100);
    auth.valid_before = U256::from(102);
    let at = |time| chain.ledger().check(token, &auth, time);
    assert_eq!(at(100), Err(Revert::TooEarly));
    assert_eq!(at(101), Ok(()));
    assert_eq!(at(102), Err(Revert::Expired));
}

#[test]
fn a_cancelled_nonce_cannot_pay() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let cancel = chain.send(PAYER, vec![Action::Cancel(token, PAYER, auth.nonce)]);
    assert_eq!(chain.include(cancel).unwrap().logs[0].topics[0], TOPIC_CANCELED);
    assert!(!pay(&mut chain, token, auth).success);
    assert_eq!(
        chain.ledger().nonce(token, PAYER, auth.nonce),
        Some(NonceState::Canceled)
    );
}

#[test]
fn a_batch_gives_each_payment_its_own_log_index_and_fails_as_a_whole() {
    let (mut chain, _, token) = chain();
    let auths: Vec<_> = (1..=3).map(|n| authorization(&chain, n, 10_000)).collect();
    let actions = auths
        .iter()
        .map(|a| Action::UseAuthorization(token, *a))
        .collect::<Vec<_>>();
    let hash = chain.send(RELAYER, actions);
    let receipt = chain.include(hash).unwrap();
    let indexes: Vec<u64> = receipt.logs.iter().map(|l| l.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    let seen: Vec<u64> = auths
        .iter()
        .flat_map(|a| chain.transfers_of(a.nonce))
        .map(|t| t.log_index)
        .collect();
    assert_eq!(seen, [1, 3, 5]);

    let fresh = authorization(&chain, 4, 10_000);
    let half_used = [fresh, auths[0]]
        .map(|a| Action::UseAuthorization(token, a))
        .to_vec();
    let hash = chain.send(RELAYER, half_used);
    assert!(!chain.include(hash).unwrap().success);
    assert_eq!(chain.ledger().nonce(token, PAYER, fresh.nonce), None);
}

#[test]
fn an_empty_account_cannot_pay() {
    let (mut chain, _, token) = chain();
    chain.fund(token, PAYER, U256::from(9_999));
    let auth = authorization(&chain, 1, 10_000);
    assert_eq!(
        chain.ledger().check(token, &auth, chain.now()),
        Err(Revert::Balance)
    );
    assert!(!pay(&mut chain, token, auth).success);
}

#[test]
fn a_reorganisation_takes_the_payment_back_and_may_include_it_again() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let before = pay(&mut chain, token, auth);
    assert_eq!(chain.reorganise(1, Orphans::Wait), [before.tx]);
    assert!(chain.receipt(before.tx).is_none() && chain.waits(before.tx));
    assert_eq!(chain.ledger().nonce(token, PAYER, auth.nonce), None);
    assert_eq!(
        chain.ledger().balance(token, PAYEE),
        Token::usdg().default_balance
    );

    let again = chain.include(before.tx).unwrap();
    assert!(again.success);
    assert_ne!(again.block_hash, before.block_hash);
    chain.reorganise(1, Orphans::Drop);
    assert!(!chain.waits(before.tx));
    assert!(chain.transfers().is_empty());
}

#[test]
fn a_final_block_survives_every_reorganisation() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let receipt = pay(&mut chain, token, auth);
    chain.mine(chain.timing.finalized_lag);
    assert!(chain.resolve(Tag::Finalized).unwrap() >= receipt.block);
    assert!(chain.reorganise(50, Orphans::Drop).is_empty());
    assert_eq!(chain.transfers_of(auth.nonce).len(), 1);
}

#[test]
fn time_moves_at_a_push_and_finality_trails_it() {
    let (mut chain, clock, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    clock.advance(400);
    chain.catch_up();
    let final_time = |c: &Chain| U256::from(c.block(Tag::Finalized).unwrap().timestamp);
    assert!(final_time(&chain) >= auth.valid_before);
    assert!(chain.resolve(Tag::Finalized) < chain.resolve(Tag::Safe));
    assert!(
        !pay(&mut chain, token, auth).success,
        "nothing lands after validBefore"
    );
}

#[test]
fn a_question_about_an_older_block_does_not_see_a_later_use() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let receipt = pay(&mut chain, token, auth);
    chain.mine(2);
    assert_eq!(chain.nonce_at(token, PAYER, auth.nonce, receipt.block - 1), None);
    assert_eq!(
        chain.nonce_at(token, PAYER, auth.nonce, receipt.block),
        Some(NonceState::Used)
    );
}

#[test]
fn a_filter_narrows_by_topic_position_and_block_range() {
    let (mut chain, _, token) = chain();
    let auth = authorization(&chain, 1, 10_000);
    let receipt = pay(&mut chain, token, auth);
    let by_nonce = vec![vec![TOPIC_USED], vec![], vec![auth.nonce]];
    let all = LogFilter {
        from: 0,
        to: u64::MAX,
        topics: by_nonce,
        ..LogFilter::default()
    };
    assert_eq!(chain.logs(&all).len(), 1);
    assert!(
        chain
            .logs(&LogFilter {
                from: receipt.block + 1,
                ..all.clone()
            })
            .is_empty()
    );
    assert!(
        chain
            .logs(&LogFilter {
                topics: vec![vec![], vec![], vec![], vec![]],
                ..all
            })
            .is_empty()
    );
}
