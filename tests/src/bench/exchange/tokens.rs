use std::thread;

use anyhow::{Result, anyhow};
use serde_json::json;

use super::office::{AUDIENCE, ISSUER};
use crate::issuer::{SigningKey, now};

/// Longer than the bench takes.
const LIFETIME: i64 = 24 * 3600;

/// What a token shows of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Who they are.
    User,
    /// Also an organisation, a role and permissions.
    Organisation,
}

/// Signs a token for each of `count` users on every core; signing is no part of what is measured. Those
/// signed later are newer, as they are when users come back: a membership they show is written again.
pub(super) fn sign(key: &SigningKey, shows: Shows, count: usize) -> Result<Vec<String>> {
    let issued_at = now();
    let threads = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    (first..count)
                        .step_by(threads)
                        .map(|user| token(key, shows, user, issued_at))
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let mut signed = Vec::with_capacity(count);
        for worker in workers {
            signed.extend(
                worker
                    .join()
                    .map_err(|_| anyhow!("a signing thread ended early"))??,
            );
        }
        Ok(signed)
    })
}

/// Auth0's access token for an API.
fn token(key: &SigningKey, shows: Shows, user: usize, issued_at: i64) -> Result<String> {
    let mut claims = json!({
        "iss": ISSUER, "sub": format!("auth0|64a7c0ffee{user:014}"), "iat": issued_at, "exp": issued_at + LIFETIME,
        "aud": [AUDIENCE, format!("{ISSUER}userinfo")], "azp": "cLiEnTiD", "scope": "openid profile email",
        "https://insforge.dev/email": format!("user-{user}@acme.example"),
    });
    if shows == Shows::Organisation {
        claims["org_id"] = format!("org_{:012}", user % 1_000).into();
        claims["https://insforge.dev/roles"] = json!(["editor"]);
        claims["permissions"] = json!(["read:todos", "write:todos"]);
    }
    key.token(&json!({"typ": "JWT"}), &claims)
}
