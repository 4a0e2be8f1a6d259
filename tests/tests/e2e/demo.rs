//! The demo is what people see first.

use std::process::Command;

use anyhow::Result;

/// The program itself, as `cargo xtask demo --once` runs it.
fn demo() -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    for name in [
        "OKX_API_KEY",
        "OKX_SECRET_KEY",
        "OKX_PASSPHRASE",
        "DEMO_BUYER_KEY",
    ] {
        demo.env_remove(name);
    }
    demo
}

#[test]
fn the_demo_ends_with_a_settled_row_its_events_and_a_link() -> Result<()> {
    let out = demo().arg("--once").output()?;
    let told = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{told}");
    for part in [
        "(new) → pending",
        "pending → settling",
        "status            settled",
    ] {
        assert!(told.contains(part), "{part:?} in\n{told}");
    }
    // On a slow machine the chain's proof comes a moment after OKX's word.
    let settled = ["settling → settled", "submitted → settled"];
    assert!(settled.iter().any(|part| told.contains(part)), "{told}");
    assert!(
        told.contains("https://www.okx.com/web3/explorer/xlayer/tx/0x"),
        "{told}"
    );
    Ok(())
}

#[test]
fn the_live_demo_names_the_credentials_that_it_lacks() -> Result<()> {
    let out = demo().args(["--once", "--live"]).output()?;
    let told = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        told.contains("--live needs OKX_API_KEY in the environment"),
        "{told}"
    );
    Ok(())
}
