//! Rows for a terminal.

use insforge_protocol::asset;
use insforge_protocol::evm;
use insforge_protocol::x402::Network;
use serde_json::Value;

/// Columns of equal width, two blanks between them, no blanks at the ends of lines. Control characters, which
/// could be anything to a terminal, become `?`.
pub fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let width = |at: usize, name: &str| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(name.chars().count())
    };
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, name)| width(at, name))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut head.iter().copied());
    for row in &rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// Text without control characters.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// An amount in a token: `0.01 USDG` where we know the token, else smallest units and the contract.
pub fn amount(network: &str, contract: &str, value: &str) -> String {
    let known = network.parse::<Network>().ok().zip(evm::address(contract));
    match known.and_then(|(network, contract)| asset::asset(network, contract)) {
        Some(token) => format!("{} {}", decimal(value, usize::from(token.decimals)), token.symbol),
        None => format!("{value} of {contract}"),
    }
}

/// Smallest units as a decimal number without trailing zeros.
fn decimal(value: &str, decimals: usize) -> String {
    let digits = format!("{value:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

/// A member of a row as text; a dash where there is none.
pub fn text(row: &Value, member: &str) -> String {
    match &row[member] {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_escape_sequences_disarmed() {
        let rows = [
            vec!["a".to_owned(), "\u{1b}[2Jx".to_owned()],
            vec!["bbb".to_owned(), "–".to_owned()],
        ];
        assert_eq!(
            columns(&["ID", "REASON"], &rows),
            "ID   REASON\na    ?[2Jx\nbbb  –\n"
        );
    }

    #[test]
    fn amounts_of_known_tokens_are_shown_as_people_count_them() {
        let usdg = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
        let shown = |value| amount("eip155:196", usdg, value);
        assert_eq!(shown("10000"), "0.01 USDG");
        assert_eq!(shown("1"), "0.000001 USDG");
        assert_eq!(shown("12000000"), "12 USDG");
        assert_eq!(shown("0"), "0 USDG");
        assert_eq!(amount("eip155:1", "0xab", "5"), "5 of 0xab");
    }
}
