//! What an operator types about payments.

use anyhow::Result;
use insforge_tests::ledger;
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::{Fault, Rule, Say};
use serde_json::Value;
use uuid::Uuid;

use crate::ops_support::{err, json, out, typed};
use crate::scene::{SOON, Scene};

/// A plan that knows the database and nothing else, as an operator's machine does.
fn operator(scene: &Scene) -> Result<Plan> {
    Plan::new(&scene.database.sidecar_url())
}

fn ids(listed: &Value) -> Vec<Uuid> {
    let rows = listed.as_array().unwrap();
    rows.iter()
        .map(|row| row["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_listed_by_status_age_and_payer() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    let (signed, settled) = scene.pay().await?;
    scene.settled(&signed, settled).await?;
    sidecar.stop(SOON).await?;
    let (other, pending) = scene.pay().await?;
    let plan = operator(&scene)?;
    let list = async |arguments: &[&str]| {
        let arguments = [&["payments", "list", "--json"], arguments].concat();
        let output = typed(&plan, &arguments).await?;
        assert!(output.status.success(), "{}", err(&output));
        anyhow::Ok(ids(&json(&output)?))
    };
    assert_eq!(list(&[]).await?, [pending, settled], "the newest first");
    assert_eq!(list(&["--status", "pending,unknown"]).await?, [pending]);
    assert_eq!(list(&["--status", "settled"]).await?, [settled]);
    assert_eq!(list(&["--older-than", "1h"]).await?, [] as [Uuid; 0]);
    assert_eq!(list(&["--older-than", "0s", "--limit", "1"]).await?, [pending]);
    let payer = format!("{}", other.auth.from);
    assert_eq!(list(&["--payer", &payer]).await?, [pending], "in any letter case");

    let text = out(&typed(&plan, &["payments", "list"]).await?);
    assert!(text.starts_with("ID ") && text.contains("0.01 USDG"), "{text}");
    let wrong = typed(&plan, &["payments", "list", "--status", "paid"]).await?;
    assert!(!wrong.status.success());
    assert!(err(&wrong).contains("pending, settling"), "{}", err(&wrong));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn show_tells_a_payments_life_and_hides_its_signature() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    let row = scene.settled(&signed, id).await?;
    let plan = operator(&scene)?;
    let text = out(&typed(&plan, &["payments", "show", &id.to_string()]).await?);
    for part in [
        "recorded it as pending",
        "from pending to settling",
        "0.01 USDG",
        &row.tx_hash.unwrap(),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let shown = json(&typed(&plan, &["payments", "show", "--json", &id.to_string()]).await?)?;
    assert_eq!(shown["payment"]["status"], "settled");
    assert!(shown["events"].as_array().unwrap().len() >= 3);
    assert!(!shown.to_string().contains("signature"), "{shown}");
    let nobody = typed(&plan, &["payments", "show", &Uuid::nil().to_string()]).await?;
    assert_eq!(nobody.status.code(), Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_payment_is_never_sent_and_says_who_and_why() -> Result<()> {
    let mut scene = Scene::new().await?;
    let (_, cancelled) = scene.pay().await?;
    let plan = operator(&scene)?;
    let cancel = [
        "payments",
        "cancel",
        &cancelled.to_string(),
        "--reason",
        "order withdrawn",
    ];
    let output = typed(&plan, &cancel).await?;
    assert_eq!(
        out(&output),
        format!("{cancelled} is failed now\n"),
        "{}",
        err(&output)
    );
    let events = ledger::events(scene.watch.client(), cancelled).await?;
    let last = &events[events.len() - 1].evidence;
    assert_eq!(last["reason"], "order withdrawn");
    let who = last["on_behalf_of"].as_str().unwrap_or_default();
    assert!(!who.is_empty(), "{last}");

    let _sidecar = scene.sidecar().await?;
    let (signed, settled) = scene.pay().await?;
    scene.settled(&signed, settled).await?;
    assert_eq!(
        scene.standin.calls().of("settle").len(),
        1,
        "the cancelled one was not sent"
    );
    let both = [
        "payments",
        "cancel",
        &settled.to_string(),
        &cancelled.to_string(),
        "--reason",
        "too late",
    ];
    let output = typed(&plan, &both).await?;
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert!(
        said.contains("a payment that is settled cannot be cancelled"),
        "{said}"
    );
    assert!(
        said.contains("x402.write_off()"),
        "the hint says what would do: {said}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_payment_can_be_retried_or_written_off_but_not_without_a_reason() -> Result<()> {
    let mut scene = Scene::new().await?;
    let silent = Fault::before_effect(Say::Status(502));
    scene.standin.fault(Rule::always("settle", silent));
    let sidecar = scene.sidecar().await?;
    let (_, id) = scene.pay().await?;
    scene.watch.status(id, &["unknown"], SOON).await?;
    sidecar.stop(SOON).await?;
    let plan = operator(&scene)?;
    let id_text = id.to_string();
    let nameless = typed(&plan, &["payments", "write-off", &id_text, "--reason", " "]).await?;
    assert!(!nameless.status.success());
    let retried = typed(
        &plan,
        &["payments", "retry", &id_text, "--reason", "once more", "--json"],
    )
    .await?;
    assert_eq!(json(&retried)?[0]["status"], "unknown", "{}", err(&retried));
    let output = typed(
        &plan,
        &["payments", "write-off", &id_text, "--reason", "refunded by hand"],
    )
    .await?;
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(ledger::row(scene.watch.client(), id).await?.status, "failed");
    let stats = json(&typed(&plan, &["payments", "stats", "--json"]).await?)?;
    assert_eq!(
        (&stats[0]["status"], &stats[0]["value"]),
        (&"failed".into(), &"10000".into())
    );
    let accept = typed(&plan, &["payments", "accept", &id_text, "--reason", "x"]).await?;
    assert!(
        err(&accept).contains("only a payment in review")
            || err(&accept).contains("Only a payment in review")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_every_payment_once_in_both_forms() -> Result<()> {
    let scene = Scene::new().await?;
    let mut paid = Vec::new();
    for _ in 0..20 {
        paid.push(scene.pay().await?.1.to_string());
    }
    let plan = operator(&scene)?;
    let csv = out(&typed(&plan, &["payments", "export"]).await?);
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("id,status,created_at,"), "{}", lines[0]);
    let exported: Vec<_> = lines[1..]
        .iter()
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    assert_eq!(exported, paid, "the oldest first");
    let jsonl = out(&typed(&plan, &["payments", "export", "--format", "jsonl"]).await?);
    let rows: Vec<Value> = jsonl
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(
        rows.iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>(),
        paid
    );
    assert!(
        rows.iter().all(|row| row["value"] == "10000"),
        "amounts are texts"
    );
    let none = out(&typed(
        &plan,
        &["payments", "export", "--format", "jsonl", "--status", "settled"],
    )
    .await?);
    assert!(none.is_empty());
    Ok(())
}
