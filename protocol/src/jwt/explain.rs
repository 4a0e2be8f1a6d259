use super::check::Case;
use super::{Check, KeyFamily, Keys, Profile, Token, TokenError};

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed(TokenError),
    /// It could not be made, because one before it failed.
    NotReached,
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found and what was wanted: header members, issuer, audience, times. Never `sub`, the
    /// e-mail address or the signature. Comes from an unverified token: text for a terminal, escaped.
    pub detail: String,
}

/// Makes every check and reports each, for a person who asks why a token is refused.
///
/// Unlike [`verify`](super::verify) it goes on after a failure wherever that is possible. The token is
/// good exactly if no line failed.
pub fn explain(token: &str, profile: &Profile, now: i64) -> Vec<Explained> {
    explain_with_keys(token, profile, profile.keys(), now)
}

/// As [`explain`], with keys held elsewhere.
pub fn explain_with_keys(token: &str, profile: &Profile, keys: &Keys, now: i64) -> Vec<Explained> {
    match Token::parse(token) {
        Ok(parsed) => explain_parsed(
            &Case {
                token: &parsed,
                profile,
                keys,
                now,
            },
            token.len(),
        ),
        Err(error) => explain_unparsed(error, token.len()),
    }
}

fn explain_parsed(case: &Case<'_>, length: usize) -> Vec<Explained> {
    let mut failed = Vec::new();
    let judge = |check| {
        let outcome = match case.judge(check) {
            Ok(()) => Outcome::Passed,
            // The error of an earlier check, come up again: this one has nothing to build on.
            Err(error) if failed.contains(&error) => Outcome::NotReached,
            Err(error) => {
                failed.push(error);
                Outcome::Failed(error)
            }
        };
        let detail = match check {
            Check::Size => format!("{length} bytes"),
            _ => detail(case, check),
        };
        Explained {
            check,
            outcome,
            detail,
        }
    };
    Check::ALL.into_iter().map(judge).collect()
}

fn explain_unparsed(error: TokenError, length: usize) -> Vec<Explained> {
    let failing = if error == TokenError::TooLarge {
        Check::Size
    } else {
        Check::Form
    };
    let line = |check: Check| {
        let outcome = match check {
            _ if check == failing => Outcome::Failed(error),
            Check::Size => Outcome::Passed,
            _ => Outcome::NotReached,
        };
        let detail = match (check, outcome) {
            (Check::Size, _) => format!("{length} bytes"),
            (_, Outcome::Failed(error)) => error.to_string(),
            _ => String::new(),
        };
        Explained {
            check,
            outcome,
            detail,
        }
    };
    Check::ALL.into_iter().map(line).collect()
}

fn detail(case: &Case<'_>, check: Check) -> String {
    let spec = case.profile.spec();
    match check {
        Check::Algorithm => {
            let accepted: Vec<_> = spec.algs.iter().map(|alg| alg.name()).collect();
            format!(
                "alg is {:?}, accepted: {}",
                case.token.header.alg,
                accepted.join(", ")
            )
        }
        Check::Key => key_detail(case),
        Check::KeyStrength => weakness_detail(case),
        Check::TokenType => format!(
            "typ is {}, type is {}",
            shown(case.token.header.typ.as_deref()),
            claim(case, "type").unwrap_or_else(|| "absent".to_owned())
        ),
        Check::Expiry => time_detail(case, "exp"),
        Check::NotBefore => time_detail(case, "nbf"),
        Check::IssuedAt => time_detail(case, "iat"),
        Check::Issuer => wanted_detail(case, "iss", &spec.iss),
        Check::Audience => wanted_detail(case, "aud", &spec.aud),
        Check::AuthorizedParty => wanted_detail(case, "azp", &spec.azp),
        Check::Lifetime => match spec.max_lifetime_s {
            Some(longest) => format!("at most {longest} s"),
            None => "no limit is set".to_owned(),
        },
        _ => String::new(),
    }
}

fn key_detail(case: &Case<'_>) -> String {
    if case.alg().is_ok_and(|alg| alg.family() == KeyFamily::Secret) {
        return format!("a shared secret, {} configured", case.keys.secrets.len());
    }
    let kids: Vec<_> = case.keys.set.keys().iter().map(|key| shown(key.kid())).collect();
    let known = if kids.is_empty() {
        "none".to_owned()
    } else {
        kids.join(", ")
    };
    format!("kid is {}, known: {known}", shown(case.token.unverified_kid()))
}

fn weakness_detail(case: &Case<'_>) -> String {
    let key = case
        .alg()
        .and_then(|alg| case.keys.set.select(alg, case.token.unverified_kid()));
    key.ok()
        .and_then(|key| key.weakness())
        .map(|weakness| weakness.to_string())
        .unwrap_or_default()
}

fn time_detail(case: &Case<'_>, name: &str) -> String {
    let Some(value) = case.token.claims.get(name) else {
        return format!("{name} is absent");
    };
    let Some(time) = value.as_f64() else {
        return format!("{name} is not a number");
    };
    let distance = time - case.now();
    let side = if distance < 0.0 { "ago" } else { "ahead" };
    format!(
        "{name} is {:.0} s {side}, leeway {:.0} s",
        distance.abs(),
        case.leeway()
    )
}

fn wanted_detail(case: &Case<'_>, name: &str, wanted: &[String]) -> String {
    let own = claim(case, name).unwrap_or_else(|| "absent".to_owned());
    if wanted.is_empty() {
        return format!("{name} is {own}, not checked");
    }
    format!("{name} is {own}, accepted: {wanted:?}")
}

/// A claim as JSON, cut short and with everything escaped that could steer a terminal.
fn claim(case: &Case<'_>, name: &str) -> Option<String> {
    const LONGEST: usize = 200;
    let text = case.token.claims.get(name)?.to_string();
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    let escape = |c: char| {
        if is_plain(c) {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    Some(text.chars().take(LONGEST).map(escape).collect())
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "absent".to_owned(), |text| format!("{text:?}"))
}
