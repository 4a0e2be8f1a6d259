//! Time spans as people write and read them.

use std::time::Duration;

/// Seconds of each unit, largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads `90s`, `10m`, `2h` or `7d`.
///
/// # Errors
/// What to write instead.
pub fn read(given: &str) -> Result<Duration, String> {
    let digits = given.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &given[digits.len()..]);
    let seconds = digits
        .parse::<u64>()
        .ok()
        .zip(unit)
        .and_then(|(n, (_, s))| n.checked_mul(*s));
    // A thousand years: more than any ledger is old, and within what Postgres can subtract.
    match seconds.filter(|seconds| *seconds <= 365_000 * 86_400) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("write a number with its unit: 90s, 10m, 2h or 7d".to_owned()),
    }
}

/// The two largest units: `3m 20s`, `2d 4h`.
pub fn show(age: Duration) -> String {
    let mut rest = age.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in UNITS {
        if rest >= seconds || !parts.is_empty() {
            parts.push(format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit_and_shown_in_two() {
        assert_eq!(read("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(read("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in [
            "",
            "90",
            "h",
            "1w",
            "-1s",
            "1 h",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(show(Duration::from_secs(200)), "3m 20s");
        assert_eq!(show(Duration::from_secs(2 * 86_400 + 4 * 3600 + 59)), "2d 4h");
        assert_eq!(
            (show(Duration::ZERO), show(Duration::from_secs(59))),
            ("0s".to_owned(), "59s".to_owned())
        );
    }
}
