//! OpenID Connect Discovery 1.0 §4: the issuer's own document says where its keys are.

use std::net::IpAddr;

use reqwest::Url;
use serde::Deserialize;

use super::fetch::{FetchError, host_ip, is_loopback, permitted};

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where the issuer's document is.
///
/// # Errors
/// [`FetchError`] for an issuer that is no https address.
pub(super) fn address(issuer: &str) -> Result<Url, FetchError> {
    let text = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let url = Url::parse(&text)
        .map_err(|_| FetchError::Discovery("the issuer is not an address; set jwks_uri".to_owned()))?;
    permitted(&url)?;
    Ok(url)
}

/// What the document says the issuer is called.
///
/// # Errors
/// [`FetchError::Discovery`] for another document.
pub(super) fn issuer(document: &[u8]) -> Result<String, FetchError> {
    let found: Document = serde_json::from_slice(document)
        .map_err(|_| FetchError::Discovery("the document names no issuer and jwks_uri".to_owned()))?;
    Ok(found.issuer)
}

/// Where the document says the keys are. It must be the issuer's own document (§4.3), and must not lead
/// into the network the sidecar stands in.
///
/// # Errors
/// [`FetchError`].
pub(super) fn jwks_address(document: &[u8], issuer: &str) -> Result<Url, FetchError> {
    let found: Document = serde_json::from_slice(document)
        .map_err(|_| FetchError::Discovery("the document names no issuer and jwks_uri".to_owned()))?;
    if found.issuer != issuer {
        return Err(FetchError::Discovery(format!(
            "the document is of the issuer {:?}",
            found.issuer
        )));
    }
    let url = Url::parse(&found.jwks_uri)
        .map_err(|_| FetchError::Discovery("jwks_uri is not an address".to_owned()))?;
    permitted(&url)?;
    let local_issuer = Url::parse(issuer).is_ok_and(|issuer| is_loopback(&issuer));
    let inward = host_ip(&url).is_some_and(is_inward) || is_loopback(&url);
    if inward && !local_issuer {
        return Err(FetchError::ForbiddenAddress(
            "jwks_uri leads into a private network; set it in the configuration if that is meant",
        ));
    }
    Ok(url)
}

fn is_inward(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.to_ipv4_mapped().is_some_and(|ip| is_inward(IpAddr::V4(ip)))
                || ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwks(jwks_uri: &str, issuer: &str) -> Result<String, FetchError> {
        let document =
            format!(r#"{{"issuer":"https://id.acme.example","jwks_uri":"{jwks_uri}","more":[1]}}"#);
        jwks_address(document.as_bytes(), issuer).map(|url| url.to_string())
    }

    #[test]
    fn the_document_of_the_issuer_leads_to_its_keys_on_whatever_host() {
        let found = jwks("https://keys.acme.example/jwks", "https://id.acme.example");
        assert_eq!(found.as_deref(), Ok("https://keys.acme.example/jwks"));
        assert_eq!(
            address("https://id.acme.example/")
                .map(|url| url.to_string())
                .as_deref(),
            Ok("https://id.acme.example/.well-known/openid-configuration")
        );
    }

    #[test]
    fn another_issuers_document_is_refused() {
        let refused = jwks("https://keys.acme.example/jwks", "https://id.acme.example/").unwrap_err();
        assert!(
            refused.to_string().contains("https://id.acme.example"),
            "{refused}"
        );
    }

    #[test]
    fn keys_are_not_fetched_in_plain_text_nor_from_the_inside() {
        for uri in [
            "http://keys.acme.example/jwks",
            "file:///etc/passwd",
            "https://10.0.0.7/jwks",
            "https://169.254.169.254/",
            "https://[fd00::1]/",
            "https://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "not a url",
        ] {
            assert!(jwks(uri, "https://id.acme.example").is_err(), "{uri}");
        }
        assert!(address("http://id.acme.example").is_err());
        assert!(address("stytch.com/project-test").is_err());
        assert!(address("http://127.0.0.1:4000").is_ok());
    }
}
