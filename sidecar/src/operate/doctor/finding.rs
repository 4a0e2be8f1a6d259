use serde::Serialize;

use crate::operate::table::plain;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well or as safely as it could.
    Warning,
    /// Payments or tokens will not get through, or somebody else's might.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: String,
    /// How bad it is.
    pub level: Level,
    /// What was found. Holds no secret.
    pub found: String,
    /// What to do, unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(about: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            level: Level::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    /// Worth a second look.
    pub fn warning(about: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(about, found)
        }
    }

    /// Broken.
    pub fn fault(about: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Fault,
            ..Self::warning(about, found, remedy)
        }
    }
}

/// Findings for people, with a count at the end.
pub fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.level {
            Level::Ok => "ok   ",
            Level::Warning => "warn ",
            Level::Fault => "FAULT",
        };
        text += &format!("{word}  {}: {}\n", finding.about, plain(&finding.found));
        if let Some(remedy) = &finding.remedy {
            text += &format!("       → {remedy}\n");
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    text + &format!(
        "{} faults, {} warnings\n",
        count(Level::Fault),
        count(Level::Warning)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_with_what_to_do() {
        let findings = [
            Finding::ok("database", "reached"),
            Finding::fault("role", "may not", "grant it"),
        ];
        assert_eq!(
            report(&findings),
            "ok     database: reached\nFAULT  role: may not\n       → grant it\n1 faults, 0 warnings\n"
        );
        assert!(Level::Fault > Level::Warning && Level::Warning > Level::Ok);
    }
}
