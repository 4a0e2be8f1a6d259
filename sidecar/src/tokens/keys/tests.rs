use insforge_protocol::jwt::KeySet;
use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::tokens::testing::FakeFetch;

const TIMING: Timing = Timing {
    max_age: Duration::from_secs(600),
    cooldown: Duration::from_secs(30),
    keep: Duration::from_secs(86_400),
};

fn set(kid: &str) -> Option<KeySet> {
    let x = "GnsWXXuELyF8r5njobtOhAZR8VNV08eAo74SswyZQE8";
    KeySet::from_json(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]})).ok()
}

fn store(fetch: &Arc<FakeFetch>) -> Arc<KeyStore> {
    Arc::new(KeyStore::new(
        "app",
        Box::new(fetch.clone()),
        TIMING,
        Arc::default(),
    ))
}

fn kids(store: &KeyStore) -> Vec<String> {
    let keys = store.current();
    keys.iter()
        .flat_map(|keys| keys.set.keys())
        .filter_map(|key| key.kid().map(str::to_owned))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_keys_are_one_fetch_in_each_cooldown() {
    let fetch = FakeFetch::new(set("a"));
    let store = store(&fetch);
    store.refresh().await.unwrap();
    for _ in 0..1000 {
        store.refresh_for_unknown_kid().await;
    }
    assert_eq!(fetch.count(), 1);
    advance(TIMING.cooldown).await;
    let flood = (0..1000).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.refresh_for_unknown_kid().await })
    });
    for asked in flood.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert_eq!(fetch.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_during_a_fetch_waits_for_it() {
    let fetch = FakeFetch::new(set("a"));
    let store = store(&fetch);
    let held = fetch.gate.clone().acquire_many_owned(1000).await.unwrap();
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store.refresh().await.unwrap();
                kids(&store)
            })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(held);
    for answer in asked {
        assert_eq!(answer.await.unwrap(), ["a"]);
    }
    assert_eq!(fetch.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_set_stays_while_fetching_fails_but_not_for_ever() {
    let fetch = FakeFetch::new(set("a"));
    let store = store(&fetch);
    store.refresh().await.unwrap();
    fetch.publish(None);
    advance(TIMING.max_age).await;
    assert!(store.refresh().await.is_err());
    assert_eq!(kids(&store), ["a"]);
    advance(TIMING.keep).await;
    assert!(store.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_from_the_set_is_gone_within_the_maximal_age() {
    let fetch = FakeFetch::new(set("old"));
    let store = store(&fetch);
    store.refresh().await.unwrap();
    fetch.publish(set("new"));
    let due = store.due_at();
    assert!(due <= Instant::now() + TIMING.max_age / 2);
    advance(due - Instant::now()).await;
    store.refresh().await.unwrap();
    assert_eq!(kids(&store), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_soon_and_then_less_often() {
    let fetch = FakeFetch::new(None);
    let store = store(&fetch);
    assert!(store.due_at() <= Instant::now(), "the first fetch is due at once");
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let _ = store.refresh().await;
        let pause = store.due_at() - Instant::now();
        pauses.push(pause.as_secs());
        advance(pause).await;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    fetch.publish(set("a"));
    store.refresh().await.unwrap();
    assert_eq!(kids(&store), ["a"]);
}
