use std::collections::HashMap;
use std::path::PathBuf;

use insforge_protocol::jwt::{Identity, Profile};
use serde::Deserialize;
use serde_json::{Value, json};

/// The vector file, with its profiles turned into ours.
pub(crate) struct Vectors {
    pub(crate) cases: Vec<Case>,
    pub(crate) profiles: HashMap<String, Profile>,
    pub(crate) path: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) profile: String,
    pub(crate) token: String,
    pub(crate) expect: Expect,
    pub(crate) error: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) mapped: Option<Identity>,
    pub(crate) minted_role: Option<String>,
    pub(crate) now: Option<i64>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    Accept,
    Reject,
}

#[derive(Deserialize)]
struct File {
    now: i64,
    leeway_s: u32,
    profiles: HashMap<String, Value>,
    cases: Vec<Case>,
}

/// Reads the file named by `JWT_VECTORS`, else the one in this folder.
pub(crate) fn load() -> Vectors {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jwt.json");
    let path = std::env::var_os("JWT_VECTORS").map_or_else(|| PathBuf::from(own), PathBuf::from);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut file: File = serde_json::from_str(&text).unwrap();
    for case in &mut file.cases {
        case.now.get_or_insert(file.now);
    }
    let leeway = file.leeway_s;
    let profiles = file.profiles.into_iter().map(|(name, own)| {
        let profile = profile(&own, leeway).unwrap_or_else(|e| panic!("profile {name}: {e}"));
        (name, profile)
    });
    Vectors {
        cases: file.cases,
        profiles: profiles.collect(),
        path,
    }
}

/// A profile without a preset is InsForge's own if it has a secret, else any OpenID Connect issuer.
/// What the file does not mention is not checked.
fn profile(own: &Value, leeway_s: u32) -> serde_json::Result<Profile> {
    let secret = &own["hs_secret"];
    let fallback = if secret.is_null() { "oidc" } else { "insforge" };
    let list = |name: &str| own.get(name).cloned().unwrap_or(json!([]));
    serde_json::from_value(json!({
        "preset": own["preset"].as_str().unwrap_or(fallback),
        "algs": own["algs"],
        "iss": own["iss"],
        "aud": own["aud"],
        "allow_any_audience": own["aud"].is_null(),
        "azp": list("azp"),
        "typ": list("typ"),
        "reject_type": list("reject_type"),
        "leeway_s": leeway_s,
        "jwks": own.get("jwks"),
        "secret": own.get("hs_secret"),
    }))
}
