//! What a client sends: RFC 8693 §2.1 as a form, or a bearer token and nothing else.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use insforge_protocol::jwt::AUDIENCE;

use super::answer::JWT_TYPE;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";
const FORM: &str = "application/x-www-form-urlencoded";
/// Every parameter of RFC 8693 §2.1. Others are ignored (RFC 6749 §3.2).
const PARAMETERS: [&str; 9] = [
    "grant_type",
    "resource",
    "audience",
    "scope",
    "requested_token_type",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
];

/// Why a request is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    /// Neither a form nor an empty body with a bearer token.
    #[error("send the token as subject_token in a form, or as a bearer token with an empty body")]
    NoToken,
    /// Both at once.
    #[error("send the token once, in the form or as a bearer token")]
    TwoTokens,
    /// The body is not a form.
    #[error("the body is not application/x-www-form-urlencoded")]
    NotAForm,
    /// A parameter occurs twice (RFC 6749 §3.2).
    #[error("a parameter is repeated")]
    Repeated,
    /// Another grant.
    #[error("grant_type must be urn:ietf:params:oauth:grant-type:token-exchange")]
    GrantType,
    /// The subject's token is of a kind that is not taken.
    #[error("subject_token_type must be the type jwt, access_token or id_token of RFC 8693")]
    SubjectTokenType,
    /// Another kind of token is wanted.
    #[error("requested_token_type must be the type jwt or access_token of RFC 8693")]
    RequestedTokenType,
    /// Delegation is not offered.
    #[error("actor_token is not supported")]
    ActorToken,
    /// A token for somebody else is wanted (RFC 8693 §2.2.2).
    #[error("the only audience is insforge-api")]
    Target,
    /// The body is longer than any token.
    #[error("the body is too long")]
    TooLong,
    /// The body does not come.
    #[error("the body did not come in time")]
    Slow,
}

impl BadRequest {
    pub(super) fn status(self) -> StatusCode {
        match self {
            BadRequest::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BadRequest::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            BadRequest::Slow => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn error(self) -> &'static str {
        match self {
            BadRequest::GrantType => "unsupported_grant_type",
            BadRequest::Target => "invalid_target",
            _ => "invalid_request",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            BadRequest::GrantType => "unsupported_grant_type",
            BadRequest::Target => "invalid_target",
            BadRequest::TooLong => "body_too_long",
            _ => "bad_request",
        }
    }
}

/// Takes the token out of a request.
///
/// # Errors
/// [`BadRequest`].
pub(super) fn subject_token(headers: &HeaderMap, body: &[u8]) -> Result<String, BadRequest> {
    match (bearer(headers), body.is_empty()) {
        (Some(token), true) => Ok(token.to_owned()),
        (bearer, false) => {
            let token = from_form(headers, body)?;
            if bearer.is_some() {
                Err(BadRequest::TwoTokens)
            } else {
                Ok(token)
            }
        }
        (None, true) => Err(BadRequest::NoToken),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn from_form(headers: &HeaderMap, body: &[u8]) -> Result<String, BadRequest> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !kind
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
    {
        return Err(BadRequest::NotAForm);
    }
    let mut values: [Option<String>; PARAMETERS.len()] = Default::default();
    for (name, value) in form_urlencoded::parse(body) {
        let Some(place) = PARAMETERS.iter().position(|known| *known == name) else {
            continue;
        };
        if values[place].replace(value.into_owned()).is_some() {
            return Err(BadRequest::Repeated);
        }
    }
    // A parameter without a value counts as left out (RFC 6749 §3.2).
    let mut take = values
        .into_iter()
        .map(|value| value.filter(|text| !text.is_empty()));
    let mut next = || take.next().flatten();
    let (grant, resource, audience, _scope, requested) = (next(), next(), next(), next(), next());
    let (token, token_type, actor) = (next(), next(), next());
    let is_one_of =
        |value: &Option<String>, known: &[&str]| value.as_deref().is_none_or(|value| known.contains(&value));
    if grant.as_deref() != Some(GRANT_TYPE) {
        return Err(BadRequest::GrantType);
    }
    if resource.is_some() || !is_one_of(&audience, &[AUDIENCE]) {
        return Err(BadRequest::Target);
    }
    if !is_one_of(&requested, &[JWT_TYPE, ACCESS_TOKEN_TYPE]) {
        return Err(BadRequest::RequestedTokenType);
    }
    if actor.is_some() {
        return Err(BadRequest::ActorToken);
    }
    let token = token.ok_or(BadRequest::NoToken)?;
    if token_type.is_none() || !is_one_of(&token_type, &[JWT_TYPE, ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE]) {
        return Err(BadRequest::SubjectTokenType);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=a.b.c\
        &subject_token_type=urn:ietf:params:oauth:token-type:jwt";

    fn form(body: &str) -> Result<String, BadRequest> {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        subject_token(&headers, body.as_bytes())
    }

    fn bearing(authorization: &'static str, body: &[u8]) -> Result<String, BadRequest> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(authorization));
        subject_token(&headers, body)
    }

    #[test]
    fn a_form_with_the_required_parameters_is_enough() {
        assert_eq!(form(GOOD).as_deref(), Ok("a.b.c"));
        let full = format!(
            "{GOOD}&audience=insforge-api&requested_token_type=urn:ietf:params:oauth:token-type:jwt&scope=x&resource=&more=1&more=2"
        );
        assert_eq!(form(&full).as_deref(), Ok("a.b.c"));
    }

    #[test]
    fn a_bearer_token_with_an_empty_body_is_enough() {
        assert_eq!(bearing("Bearer a.b.c", b"").as_deref(), Ok("a.b.c"));
        assert_eq!(bearing("bearer  a.b.c", b"").as_deref(), Ok("a.b.c"));
        for none in ["Basic a.b.c", "Bearer", "a.b.c"] {
            assert_eq!(bearing(none, b""), Err(BadRequest::NoToken), "{none}");
        }
    }

    #[test]
    fn each_mistake_in_a_form_is_named() {
        let with = |more: &str| form(&format!("{GOOD}&{more}"));
        assert_eq!(form("subject_token=a"), Err(BadRequest::GrantType));
        assert_eq!(
            form(&GOOD.replace("token-exchange", "password")),
            Err(BadRequest::GrantType)
        );
        assert_eq!(
            form(&GOOD.replace("subject_token=a.b.c", "x=y")),
            Err(BadRequest::NoToken)
        );
        assert_eq!(
            form(&GOOD.replace("token-type:jwt", "token-type:saml2")),
            Err(BadRequest::SubjectTokenType)
        );
        assert_eq!(with("subject_token=d.e.f"), Err(BadRequest::Repeated));
        assert_eq!(with("audience=other"), Err(BadRequest::Target));
        assert_eq!(with("resource=https://x.example"), Err(BadRequest::Target));
        assert_eq!(
            with("requested_token_type=urn:ietf:params:oauth:token-type:refresh_token"),
            Err(BadRequest::RequestedTokenType)
        );
        assert_eq!(with("actor_token=a.b.c"), Err(BadRequest::ActorToken));
    }

    #[test]
    fn json_and_two_tokens_at_once_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(subject_token(&headers, b"{}"), Err(BadRequest::NotAForm));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(
            subject_token(&headers, GOOD.as_bytes()),
            Err(BadRequest::TwoTokens)
        );
    }
}
