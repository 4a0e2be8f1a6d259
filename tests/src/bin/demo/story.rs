use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use insforge_protocol::asset::explorer_link;
use insforge_protocol::evm;
use insforge_protocol::x402::Network;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::ledger::{self, Event, Watch};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::live::Okx;
use crate::place::Place;
use crate::teller::Teller;

/// Longer than the stand-in ever takes, and long enough for OKX to confirm.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// Evidence longer than this is cut.
const EVIDENCE: usize = 240;

/// Who plays.
pub(crate) struct Cast {
    pub(crate) buyer: Buyer,
    pub(crate) offer: Offer,
    pub(crate) okx: Option<Okx>,
}

/// A buyer whom nobody has met before, and the stand-in.
pub(crate) fn cast(amount: u64) -> Cast {
    Cast {
        buyer: Buyer::new(),
        offer: Offer::usdg().priced(amount),
        okx: None,
    }
}

/// Signs, submits, watches, and shows the proof.
pub(crate) async fn play(teller: &Teller, place: &Place, cast: &Cast) -> Result<()> {
    let signed = teller
        .step(
            "Signing an EIP-3009 authorization under USDG's domain (Global Dollar, 1, chain 196)",
            async {
                let signed = cast.buyer.pay(&cast.offer);
                let outcome = format!("buyer {}, nonce {}", cast.buyer.address, signed.nonce_text());
                Ok((signed, outcome))
            },
        )
        .await?;
    let mut watch = Watch::payments(&place.database.url()).await?;
    let id = teller
        .step("SELECT x402.submit(payment, requirements, resource)", async {
            let id = submit(watch.client(), &signed).await?;
            Ok((id, format!("payment {id}")))
        })
        .await?;
    follow(teller, &mut watch, id)
        .await
        .with_context(|| place.sidecar.log().text())?;
    show_row(teller, watch.client(), id).await?;
    link(teller, watch.client(), id, cast.okx.is_some()).await?;
    teller.say(&format!(
        "\nFrom nothing to a settled payment in {:.1} s.",
        teller.seconds()
    ));
    Ok(())
}

async fn submit(client: &Client, signed: &Signed) -> Result<Uuid> {
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    ledger::submit(client, &payment, &requirements, &signed.offer.resource).await
}

/// Prints each event when it is committed, until the payment is settled.
async fn follow(teller: &Teller, watch: &mut Watch, id: Uuid) -> Result<()> {
    teller.say("\nIts events, as they are committed:");
    let begun = Instant::now();
    let mut shown = 0;
    loop {
        let events = ledger::events(watch.client(), id).await?;
        for event in &events[shown..] {
            teller.say(&format!(
                "  {:>7.1} ms  {}",
                begun.elapsed().as_secs_f64() * 1_000.0,
                told(event)
            ));
        }
        shown = events.len();
        match events.last().map(|event| event.to.as_str()) {
            Some("settled") => return Ok(()),
            Some("failed" | "expired" | "review") => bail!("the payment was not settled"),
            _ => watch.changed(SETTLED_WITHIN).await?,
        }
    }
}

fn told(event: &Event) -> String {
    let from = event.from.as_deref().unwrap_or("(new)");
    let mut evidence = event.evidence.to_string();
    if evidence.len() > EVIDENCE {
        let cut = (0..=EVIDENCE)
            .rev()
            .find(|at| evidence.is_char_boundary(*at))
            .unwrap_or(0);
        evidence.truncate(cut);
        evidence.push('…');
    }
    format!(
        "{from} → {}  at {} by {}  {evidence}",
        event.to, event.at, event.actor
    )
}

async fn show_row(teller: &Teller, client: &Client, id: Uuid) -> Result<()> {
    teller.say("\nSELECT * FROM x402_payments:");
    let sql = "SELECT m.key, m.value FROM x402_payments p, jsonb_each_text(to_jsonb(p)) AS m
               WHERE p.id = $1 AND m.value IS NOT NULL";
    for row in client.query(sql, &[&id]).await? {
        let (name, value): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        teller.say(&format!("  {name:<17} {value}"));
    }
    Ok(())
}

async fn link(teller: &Teller, client: &Client, id: Uuid, live: bool) -> Result<()> {
    let row = client
        .query_one("SELECT network, tx_hash FROM x402_payments WHERE id = $1", &[&id])
        .await?;
    let (network, hash): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let network = network.parse::<Network>().ok().context("the row's network")?;
    let hash = evm::tx_hash(hash).context("the row's hash")?;
    let Some(link) = explorer_link(network, hash) else {
        return Ok(());
    };
    teller.say(&format!("\n{link}"));
    if !live {
        teller.say("(The transaction is on the stand-in's chain; with --live the link leads to it.)");
    }
    Ok(())
}
