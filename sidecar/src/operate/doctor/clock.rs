use super::Finding;

/// A difference below this is usual between machines that set their clocks by NTP, and the way there and back.
const SLACK_MS: i64 = 5_000;
/// OKX refuses timestamps that are this far off.
const REFUSED_MS: i64 = 30_000;

/// Judges how far a foreign clock is ahead of ours.
pub(super) fn judge(whose: &str, offset_ms: i64, leases: bool) -> Finding {
    let about = format!("clock against {whose}");
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rounded number of seconds for people"
    )]
    let seconds = offset_ms as f64 / 1000.0;
    let found = format!("{whose} is {seconds:+.1} s from this machine");
    let remedy = "set this machine's clock by NTP (timedatectl set-ntp true)";
    if offset_ms.abs() <= SLACK_MS {
        Finding::ok(about, found)
    } else if leases {
        // Leases and validity are judged by the database's clock alone; buyers' windows are not.
        Finding::warning(
            about,
            found,
            format!("{remedy}; the database's, if it is the wrong one"),
        )
    } else if offset_ms.abs() < REFUSED_MS {
        Finding::warning(about, found, remedy)
    } else {
        Finding::warning(
            about,
            format!("{found}; requests are refused once (50112) and then stamped by OKX's clock"),
            remedy,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_more_than_five_seconds_off_is_worth_a_warning() {
        assert_eq!(judge("OKX", 4_999, false).level, Level::Ok);
        let off = judge("OKX", -5_500, false);
        assert_eq!(
            (off.level, off.found.as_str()),
            (Level::Warning, "OKX is -5.5 s from this machine")
        );
        assert!(judge("OKX", 600_000, false).found.contains("50112"));
        assert_eq!(judge("the database", 6_000, true).level, Level::Warning);
    }
}
