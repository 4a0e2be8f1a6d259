//! `docs/state-machine.md` is drawn from the transition table, and this test holds them together.
//!
//! `UPDATE_DOCS=1 cargo test -p insforge-protocol --test state_machine_doc` writes the page anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

use std::fmt::Write as _;
use std::{env, fs};

use insforge_protocol::ledger::{Status, TRANSITIONS};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/state-machine.md");
const START: &str = "<!-- drawn from protocol/src/ledger/transition.rs; do not edit below -->\n";

fn drawn() -> String {
    let mut page = String::from(START);
    page.push_str("\n```mermaid\nstateDiagram-v2\n  [*] --> pending\n");
    for t in TRANSITIONS {
        let _ = writeln!(page, "  {} --> {}", t.from, t.to);
    }
    for status in Status::ALL.into_iter().filter(|s| s.is_terminal()) {
        let _ = writeln!(page, "  {status} --> [*]");
    }
    page.push_str("```\n\n| from | to | evidence |\n|---|---|---|\n");
    for t in TRANSITIONS {
        let _ = writeln!(page, "| {} | {} | {} |", t.from, t.to, t.evidence);
    }
    page
}

#[test]
fn the_page_on_states_shows_exactly_the_transition_table() {
    let page = fs::read_to_string(PAGE).unwrap();
    let prose = page.split(START).next().unwrap();
    let wanted = format!("{prose}{}", drawn());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, &wanted).unwrap();
    } else {
        assert_eq!(
            page, wanted,
            "run UPDATE_DOCS=1 cargo test -p insforge-protocol --test state_machine_doc"
        );
    }
}
