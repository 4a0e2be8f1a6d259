use std::env;

use alloy_primitives::U256;
use anyhow::{Context, Result};
use insforge_protocol::evm;
use insforge_tests::buyer::{Buyer, Offer};
use insforge_tests::standin::Credentials;

use crate::story::Cast;

/// OKX and X Layer themselves.
pub(crate) struct Okx {
    pub(crate) base_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) rpc_urls: Option<String>,
}

/// The real OKX, a buyer with real money, a payee of yours.
pub(crate) fn cast(amount: u64) -> Result<Cast> {
    let credentials = Credentials {
        key: required("OKX_API_KEY")?,
        secret: required("OKX_SECRET_KEY")?,
        passphrase: required("OKX_PASSPHRASE")?,
    };
    let buyer = Buyer::from_hex(&required("DEMO_BUYER_KEY")?).context("DEMO_BUYER_KEY")?;
    let recipient = required("PAYMENT_RECIPIENT")?;
    let pay_to = evm::address(&recipient).context("PAYMENT_RECIPIENT is no address: 0x and 40 hex digits")?;
    let offer = Offer {
        pay_to,
        amount: U256::from(amount),
        ..Offer::usdg()
    };
    println!("LIVE: this signs a payment of {amount} millionths of a US dollar in USDG on X Layer,");
    println!(
        "from {} to {pay_to}, and has OKX settle it. The money moves for good.\n",
        buyer.address
    );
    let base_url = env::var("OKX_BASE_URL").unwrap_or_else(|_| "https://web3.okx.com".to_owned());
    let rpc_urls = env::var("XLAYER_RPC_URLS").ok();
    Ok(Cast {
        buyer,
        offer,
        okx: Some(Okx {
            base_url,
            credentials,
            rpc_urls,
        }),
    })
}

fn required(name: &str) -> Result<String> {
    let value = env::var(name).ok().filter(|value| !value.trim().is_empty());
    value.with_context(|| format!("--live needs {name} in the environment"))
}
