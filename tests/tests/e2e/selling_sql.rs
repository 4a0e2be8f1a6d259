//! Selling with SQL alone: the functions on all vectors, and the example of the page.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::{Database, Template};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::Json;

use crate::scene::{SOON, Scene};

const SEPARATORS: &str = include_str!("../../../protocol/tests/vectors/domain_separators.json");
const AUTHORIZATIONS: &str = include_str!("../../../protocol/tests/vectors/eip3009.json");
const PAGE: &str = include_str!("../../../docs/selling.md");

async fn text(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<String> {
    Ok(client.query_one(sql, parameters).await?.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn separators_digests_and_signers_agree_with_every_vector() -> Result<()> {
    let database = Database::create(Template::Extension).await?;
    let client = database.client().await?;
    let separators: Value = serde_json::from_str(SEPARATORS)?;
    for known in separators["domains"].as_array().expect("a list") {
        let separator = text(
            &client,
            "SELECT x402.domain_separator($1)",
            &[&Json(&known["domain"])],
        )
        .await?;
        assert_eq!(
            separator,
            known["domainSeparator"].as_str().expect("text"),
            "{known}"
        );
    }
    let authorizations: Value = serde_json::from_str(AUTHORIZATIONS)?;
    for case in authorizations["cases"].as_array().expect("a list") {
        let Some(expected) = case["digest"].as_str() else {
            continue;
        };
        let sql = "SELECT x402.authorization_digest($1, $2)";
        let digest = text(&client, sql, &[&Json(&case["message"]), &Json(&case["domain"])]).await?;
        assert_eq!(digest, expected, "{}", case["id"]);
        if case["verdict"] == "valid" {
            let signature = case["signature"].as_str().expect("text");
            let signer = text(&client, "SELECT x402.recover($1, $2)", &[&digest, &signature]).await?;
            assert_eq!(
                signer,
                case["recovered"].as_str().expect("text").to_lowercase(),
                "{}",
                case["id"]
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sql_offers_is_what_a_buyer_pays_and_sql_takes() -> Result<()> {
    let scene = Scene::new().await?;
    let client = scene.watch.client();
    let offer = Offer::usdg();
    let signed = Buyer::new().pay(&offer);
    for dialect in ["v1", "v2", "hybrid", "all"] {
        let sql =
            "SELECT x402.requirements($1, 0.01, dialect => $2, resource => 'https://api.example.com/report')";
        let payee = format!("{:#x}", offer.pay_to);
        let row = client.query_one(sql, &[&payee, &dialect]).await?;
        let Json::<Value>(requirements) = row.get(0);
        let sql = "SELECT verdict FROM x402.verify($1, $2, now())";
        let payment = signed.payment(Form::V1);
        let verdict = text(client, sql, &[&Json(&payment), &Json(&requirements)]).await?;
        assert_eq!(verdict, "valid", "{dialect}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_in_an_offer_has_its_own_error() -> Result<()> {
    let database = Database::create(Template::Extension).await?;
    let client = database.client().await?;
    let payee = "'0x70997970C51812dc3A010C7d01b50e0d17dc79C8'";
    for (arguments, sqlstate) in [
        ("NULL, 1".to_owned(), "22004"),
        (format!("{payee}, 1, amount => 1"), "22023"),
        (payee.to_owned(), "22023"),
        (format!("{payee}, 1, dialect => 'v3'"), "22023"),
        (
            "'0x0000000000000000000000000000000000000000', 1".to_owned(),
            "X4003",
        ),
        (format!("{payee}, 1, max_timeout_seconds => 0"), "X4003"),
        (format!("{payee}, 1, network => 'dogecoin'"), "X4007"),
        (format!("{payee}, 1, asset => '0x{}'", "11".repeat(20)), "X4009"),
        (format!("{payee}, 1, asset => 'USDC'"), "X4010"),
        (format!("{payee}, 1, asset => 'DOGE'"), "X4101"),
        (format!("{payee}, 'NaN'"), "X4102"),
        (format!("{payee}, -1"), "X4102"),
        (format!("{payee}, 0.0000001"), "X4103"),
        (format!("{payee}, amount => 1e90"), "X4104"),
        (format!("{payee}, 0"), "X4105"),
    ] {
        let error = client
            .query(&format!("SELECT x402.requirements({arguments})"), &[])
            .await;
        let code = error.expect_err(&arguments);
        assert_eq!(code.code().map(|code| code.code()), Some(sqlstate), "{arguments}");
    }
    Ok(())
}

/// The SQL of the page, as it is printed there.
fn example() -> &'static str {
    let start = PAGE.find("```sql\n").expect("the page has an example") + "```sql\n".len();
    &PAGE[start..start + PAGE[start..].find("```").expect("the example ends")]
}

/// Calls the page's RPC the way PostgREST does: headers in, status and headers out, one transaction.
async fn call(client: &mut Client, payment: Option<&Value>) -> Result<(String, Value)> {
    let transaction = client.transaction().await?;
    let headers = match payment {
        None => json!({}),
        Some(payment) => json!({ "payment-signature": insforge_protocol::x402::header::encode(payment) }),
    };
    let sql = "SELECT set_config('request.headers', $1, true)";
    transaction.query_one(sql, &[&headers.to_string()]).await?;
    let body: Json<Value> = transaction.query_one("SELECT buy_report(7)", &[]).await?.get(0);
    let status = transaction
        .query_one("SELECT current_setting('response.status')", &[])
        .await?
        .get(0);
    transaction.commit().await?;
    Ok((status, body.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_example_sells_a_report() -> Result<()> {
    let scene = Scene::new().await?;
    let mut client = scene.database.client().await?;
    client.batch_execute(example()).await?;
    client
        .execute("INSERT INTO reports VALUES (7, 'the report')", &[])
        .await?;
    let (status, challenge) = call(&mut client, None).await?;
    assert_eq!(
        (status.as_str(), &challenge["accepts"][0]["amount"]),
        ("402", &json!("10000"))
    );
    let signed = Buyer::new().pay(&Offer::usdg());
    let payment = signed.payment(Form::V2);
    let (status, body) = call(&mut client, Some(&payment)).await?;
    assert_eq!(status, "503", "{body}");
    let _sidecar = scene.sidecar().await?;
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let (status, body) = call(&mut client, Some(&payment)).await?;
        if status == "200" {
            assert_eq!(body["report"], "the report");
            break;
        }
        assert_eq!(status, "503", "{body}");
        assert!(
            tokio::time::Instant::now() < deadline,
            "the report was not delivered in time"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    let (status, _) = call(&mut client, Some(&json!({ "x402Version": 2 }))).await?;
    assert_eq!(status, "402");
    Ok(())
}
