use std::fmt;

use serde_json::{Map, Value};

use super::json::{JsonError, parse_object};
use super::{TokenError, base64url};

/// Longest token that is looked at, in bytes: the header limit of the servers it travels through.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// A token taken apart and well-formed, with **nothing verified yet**.
///
/// Useful on its own for one thing: to find the configured provider by [`Token::unverified_issuer`]
/// before judging the token with that provider's profile.
pub struct Token<'a> {
    pub(super) header: Header,
    pub(super) claims: Map<String, Value>,
    pub(super) signing_input: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// The header members that count. `jwk`, `jku`, `x5u` and `x5c` are not kept: keys never come from
/// the token.
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    pub(super) has_crit: bool,
}

impl<'a> Token<'a> {
    /// Takes a compact JWS apart (RFC 7515 §7.1).
    ///
    /// # Errors
    /// [`TokenError::TooLarge`], [`TokenError::Malformed`] or [`TokenError::DuplicateMember`].
    pub fn parse(text: &'a str) -> Result<Token<'a>, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        // A fourth part leaves a dot in the payload, which base64url does not know.
        let decode = |part| base64url::decode(part).ok_or(TokenError::Malformed);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        Ok(Token {
            header: Header::read(&parse_object(&header)?)?,
            claims: parse_object(&payload)?,
            signing_input: signing_input.as_bytes(),
            signature,
        })
    }

    /// The `iss` claim as written by whoever made the token. Only a key for looking up configured
    /// providers: never fetch from it.
    pub fn unverified_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The header's `kid`, unverified. Fit for a log line; an exact key into a key set, nothing else.
    pub fn unverified_kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

impl fmt::Debug for Token<'_> {
    /// Leaves out claims and signature: with them the token could be rebuilt from a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("alg", &self.header.alg)
            .field("kid", &self.header.kid)
            .finish_non_exhaustive()
    }
}

impl Header {
    fn read(members: &Map<String, Value>) -> Result<Header, TokenError> {
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(TokenError::Malformed),
        };
        Ok(Header {
            alg: text("alg")?.ok_or(TokenError::Malformed)?,
            kid: text("kid")?,
            typ: text("typ")?,
            has_crit: members.contains_key("crit"),
        })
    }
}

impl From<JsonError> for TokenError {
    fn from(error: JsonError) -> TokenError {
        match error {
            JsonError::Malformed => TokenError::Malformed,
            JsonError::DuplicateMember => TokenError::DuplicateMember,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.AAAA",
            base64url::encode(header.as_bytes()),
            base64url::encode(payload.as_bytes())
        )
    }

    #[test]
    fn header_members_of_a_wrong_type_are_malformed() {
        for header in [
            r#"{}"#,
            r#"{"alg":5}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","typ":null}"#,
        ] {
            let result = Token::parse(&token(header, "{}")).map(|_| ());
            assert_eq!(result, Err(TokenError::Malformed), "{header}");
        }
    }

    #[test]
    fn a_token_of_exactly_the_limit_is_still_read() {
        let frame = token(r#"{"alg":"RS256"}"#, "{}");
        let at = |len: usize| format!("{frame}{}", "A".repeat(len - frame.len()));
        assert!(Token::parse(&at(MAX_TOKEN_BYTES)).is_ok());
        assert_eq!(
            Token::parse(&at(MAX_TOKEN_BYTES + 1)).map(|_| ()),
            Err(TokenError::TooLarge)
        );
        assert_eq!(
            Token::parse(&"x".repeat(1 << 20)).map(|_| ()),
            Err(TokenError::TooLarge)
        );
    }

    #[test]
    fn debug_output_shows_neither_claims_nor_signature() {
        let text = token(
            r#"{"alg":"RS256","kid":"k1"}"#,
            r#"{"sub":"ada","iss":"https://i.example"}"#,
        );
        let parsed = Token::parse(&text).unwrap();
        assert_eq!(parsed.unverified_issuer(), Some("https://i.example"));
        assert_eq!(parsed.unverified_kid(), Some("k1"));
        assert_eq!(
            format!("{parsed:?}"),
            r#"Token { alg: "RS256", kid: Some("k1"), .. }"#
        );
    }
}
