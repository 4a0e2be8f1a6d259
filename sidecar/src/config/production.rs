//! What is refused where real money moves, and what is only worth a warning.

use std::net::IpAddr;

use reqwest::Url;

use super::fault::Fault;
use super::settings::{Environment, FacilitatorMode, OkxSettings, Settings};
use super::table::*;

/// Placeholders that compose files and guides hand out.
const PUBLISHED: &[&str] = &[
    "dev-secret-please-change-in-production",
    "your-secret-key-here",
    "your_jwt_secret",
    "your-jwt-secret",
    "change-me",
    "changeme",
    "please-change",
    "super-secret-jwt-token-with-at-least-32-characters-long",
];
/// HS256 wants a key as long as its hash (RFC 7518 §3.2).
const JWT_SECRET_LENGTH: usize = 32;
/// OKX's own secrets are 32 hex digits; what is much shorter was typed by hand.
const OKX_SECRET_LENGTH: usize = 16;

/// Faults that exist only because this is production.
pub(super) fn faults(settings: &Settings) -> Vec<Fault> {
    if settings.environment == Environment::Production {
        production_faults(settings)
    } else {
        Vec::new()
    }
}

/// What production would refuse.
pub fn production_faults(settings: &Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut refuse = |opt: &Opt, fault: &str, remedy: &str| {
        faults.push(Fault {
            setting: opt.name(),
            fault: fault.to_owned(),
            remedy: remedy.to_owned(),
        });
    };
    match &settings.facilitator.mode {
        FacilitatorMode::Mock => refuse(
            &OKX_MOCK,
            "mock mode settles nothing and is refused in production",
            "unset it and give OKX credentials, or set INSFORGE_ENV=development",
        ),
        FacilitatorMode::Okx(okx) if settings.settler.enabled => okx_faults(okx, &mut refuse),
        FacilitatorMode::Okx(_) => {}
    }
    if let Some(secret) = &settings.jwt_secret {
        let remedy = "generate one with `openssl rand -base64 48` and set it in InsForge as well";
        if is_published(secret.expose()) {
            refuse(
                &JWT_SECRET,
                "is a published placeholder: anyone can sign tokens with it",
                remedy,
            );
        } else if secret.expose().len() < JWT_SECRET_LENGTH {
            refuse(&JWT_SECRET, "is shorter than 32 bytes", remedy);
        }
    }
    if settings.chain.endpoints.expose().iter().any(is_exposed) {
        refuse(
            &XLAYER_RPC_URLS,
            "holds a plain-text connection beyond loopback: whoever is in between can make up evidence",
            "write https URLs",
        );
    }
    if settings
        .http
        .listen
        .is_some_and(|address| !address.ip().is_loopback())
    {
        refuse(
            &HTTP_LISTEN,
            "is a plain-text listener beyond loopback",
            "listen on 127.0.0.1 and put a TLS proxy in front, or set it to off",
        );
    }
    faults
}

fn okx_faults(okx: &OkxSettings, refuse: &mut impl FnMut(&Opt, &str, &str)) {
    let portal = "use the one from the OKX Web3 developer portal";
    for (opt, secret) in [
        (&OKX_API_KEY, &okx.api_key),
        (&OKX_SECRET_KEY, &okx.secret_key),
        (&OKX_PASSPHRASE, &okx.passphrase),
    ] {
        if is_published(secret.expose()) {
            refuse(opt, "is a placeholder", portal);
        }
    }
    let length = okx.secret_key.expose().len();
    if (1..OKX_SECRET_LENGTH).contains(&length) {
        refuse(&OKX_SECRET_KEY, "is too short to be a key of OKX", portal);
    }
    if okx.base_url.starts_with("http://") {
        refuse(
            &OKX_BASE_URL,
            "sends the passphrase in plain text",
            "write an https URL",
        );
    }
}

fn is_exposed(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    url.scheme() != "https" && !local
}

fn is_published(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    PUBLISHED.iter().any(|placeholder| lower.starts_with(placeholder))
}

impl Settings {
    /// What is allowed but deserves a second look, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.database.target.is_exposed() {
            warnings.push(format!(
                "{}: the server's certificate is not verified; use sslmode=verify-full beyond a trusted network",
                DATABASE_URL.name()
            ));
        }
        let endpoints = self.chain.endpoints.expose().len();
        if endpoints > 0 && self.chain.proving > endpoints {
            warnings.push(format!(
                "{}: more than there are endpoints; all of them must agree",
                CHAIN_PROVING_ENDPOINTS.name()
            ));
        }
        if matches!(self.facilitator.mode, FacilitatorMode::Mock) {
            warnings.push(format!("{}: mock mode, no payment is settled", OKX_MOCK.name()));
        }
        warnings
    }
}
