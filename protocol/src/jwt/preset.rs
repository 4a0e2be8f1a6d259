use serde::{Deserialize, Serialize};

use super::{Alg, ClaimPaths, Path};

/// A provider whose tokens are known: the defaults of a profile, and the claim names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Clerk session tokens, version 1 and 2, and template tokens.
    Clerk,
    /// Auth0 access tokens for a configured API.
    Auth0,
    /// WorkOS AuthKit access tokens.
    Workos,
    /// Kinde access tokens.
    Kinde,
    /// Stytch session JWTs, consumer and B2B.
    Stytch,
    /// Better Auth's `jwt` plugin.
    BetterAuth,
    /// InsForge's own sessions and the tokens minted here.
    Insforge,
    /// Any other OpenID Connect issuer; claim paths beyond the standard ones are configured.
    #[default]
    Oidc,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 8] = [
        Preset::Clerk,
        Preset::Auth0,
        Preset::Workos,
        Preset::Kinde,
        Preset::Stytch,
        Preset::BetterAuth,
        Preset::Insforge,
        Preset::Oidc,
    ];

    /// The name in configurations and in `insforge.providers`.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Clerk => "clerk",
            Preset::Auth0 => "auth0",
            Preset::Workos => "workos",
            Preset::Kinde => "kinde",
            Preset::Stytch => "stytch",
            Preset::BetterAuth => "better-auth",
            Preset::Insforge => "insforge",
            Preset::Oidc => "oidc",
        }
    }

    /// Whether tokens without a matching `aud` must be refused: the issuer signs tokens for several
    /// applications with one key, and only `aud` tells them apart.
    pub(super) fn requires_audience(self) -> bool {
        matches!(
            self,
            Preset::Auth0 | Preset::Stytch | Preset::BetterAuth | Preset::Oidc
        )
    }

    /// The algorithms accepted unless configured otherwise. InsForge's depend on its keys.
    pub(super) fn algs(self) -> &'static [Alg] {
        match self {
            Preset::BetterAuth => &[Alg::EdDSA, Alg::ES256, Alg::RS256],
            Preset::Insforge => &[Alg::HS256, Alg::RS256],
            _ => &[Alg::RS256],
        }
    }

    /// Accepted `typ` headers; the empty string stands for "no `typ`". An empty list accepts all.
    pub(super) fn typ(self) -> &'static [&'static str] {
        match self {
            // RFC 9068 access tokens say at+jwt, Auth0's classic ones JWT.
            Preset::Auth0 => &["", "JWT", "at+jwt"],
            Preset::Stytch => &["JWT"],
            _ => &[],
        }
    }

    /// Values of the payload's `type` that mark another kind of token.
    pub(super) fn reject_type(self) -> &'static [&'static str] {
        match self {
            Preset::Insforge => &["refresh", "project_authorization"],
            _ => &[],
        }
    }

    /// Where the provider publishes its keys, if that follows from the issuer.
    ///
    /// Stytch has two addresses for one issuer (consumer and B2B) and OpenID Connect has discovery,
    /// so those two must be configured or discovered.
    pub(super) fn jwks_uri(self, iss: &str) -> Option<String> {
        let base = iss.trim_end_matches('/');
        let under_issuer = |path: &str| base.starts_with("http").then(|| format!("{base}{path}"));
        match self {
            Preset::Clerk | Preset::Auth0 => under_issuer("/.well-known/jwks.json"),
            Preset::Kinde => under_issuer("/.well-known/jwks"),
            Preset::BetterAuth => under_issuer("/api/auth/jwks"),
            Preset::Workos => {
                let (_, client_id) = base.split_once("/user_management/")?;
                Some(format!("https://api.workos.com/sso/jwks/{client_id}"))
            }
            Preset::Stytch | Preset::Insforge | Preset::Oidc => None,
        }
    }

    /// The provider's claim names.
    pub(super) fn claims(self) -> ClaimPaths {
        let common = ClaimPaths {
            user_id: paths(&[&["sub"]]),
            email: paths(&[&["email"]]),
            email_verified: paths(&[&["email_verified"]]),
            ..ClaimPaths::default()
        };
        match self {
            Preset::Clerk => clerk(common),
            Preset::Auth0 => auth0(common),
            Preset::Workos => workos(common),
            Preset::Kinde => kinde(common),
            Preset::Stytch => stytch(common),
            Preset::BetterAuth => better_auth(common),
            Preset::Insforge => common,
            Preset::Oidc => ClaimPaths {
                session_id: paths(&[&["sid"]]),
                actor: paths(&[&["act", "sub"]]),
                ..common
            },
        }
    }
}

fn paths(list: &[&[&str]]) -> Option<Vec<Path>> {
    Some(list.iter().map(|steps| Path::new(steps)).collect())
}

/// Session tokens of version 2 keep the organisation in `o`, those of version 1 at the top.
fn clerk(common: ClaimPaths) -> ClaimPaths {
    ClaimPaths {
        org_id: paths(&[&["o", "id"], &["org_id"]]),
        org_role: paths(&[&["o", "rol"], &["org_role"]]),
        permissions: paths(&[&["org_permissions"]]),
        session_id: paths(&[&["sid"]]),
        actor: paths(&[&["act", "sub"]]),
        ..common
    }
}

/// Auth0 reserves the plain names, so an Action adds its claims under a URL.
fn auth0(common: ClaimPaths) -> ClaimPaths {
    ClaimPaths {
        email: paths(&[&["https://insforge.dev/email"], &["email"]]),
        email_verified: paths(&[&["https://insforge.dev/email_verified"], &["email_verified"]]),
        org_id: paths(&[&["org_id"]]),
        org_role: paths(&[&["https://insforge.dev/roles", "*"]]),
        permissions: paths(&[&["permissions"]]),
        session_id: paths(&[&["sid"]]),
        actor: paths(&[&["act", "sub"]]),
        ..common
    }
}

/// WorkOS's `role` is the role in the organisation; `user_role` is where Supabase's guide moves it.
fn workos(common: ClaimPaths) -> ClaimPaths {
    ClaimPaths {
        email: paths(&[&["email"], &["user_email"]]),
        org_id: paths(&[&["org_id"]]),
        org_role: paths(&[&["role"], &["user_role"]]),
        permissions: paths(&[&["permissions"]]),
        session_id: paths(&[&["sid"]]),
        actor: paths(&[&["act", "sub"]]),
        ..common
    }
}

fn kinde(common: ClaimPaths) -> ClaimPaths {
    ClaimPaths {
        org_id: paths(&[&["org_code"]]),
        org_role: paths(&[&["roles", "*", "key"]]),
        permissions: paths(&[&["permissions"]]),
        ..common
    }
}

fn stytch(common: ClaimPaths) -> ClaimPaths {
    const SESSION: &str = "https://stytch.com/session";
    ClaimPaths {
        email: paths(&[&[
            SESSION,
            "authentication_factors",
            "*",
            "email_factor",
            "email_address",
        ]]),
        org_id: paths(&[&["https://stytch.com/organization", "organization_id"]]),
        org_role: paths(&[&[SESSION, "roles", "*"]]),
        session_id: paths(&[&[SESSION, "id"]]),
        ..common
    }
}

fn better_auth(common: ClaimPaths) -> ClaimPaths {
    ClaimPaths {
        email_verified: paths(&[&["emailVerified"], &["email_verified"]]),
        org_id: paths(&[&["activeOrganizationId"], &["org_id"]]),
        session_id: paths(&[&["sessionId"]]),
        actor: paths(&[&["impersonatedBy"]]),
        ..common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_ones_configurations_use() {
        for preset in Preset::ALL {
            let read: Preset = serde_json::from_str(&format!("\"{}\"", preset.name())).unwrap();
            assert_eq!(read, preset);
        }
    }

    #[test]
    fn key_addresses_follow_from_the_issuer_where_the_provider_says_so() {
        let cases = [
            (
                Preset::Clerk,
                "https://clerk.acme.com",
                Some("https://clerk.acme.com/.well-known/jwks.json"),
            ),
            (
                Preset::Auth0,
                "https://acme.eu.auth0.com/",
                Some("https://acme.eu.auth0.com/.well-known/jwks.json"),
            ),
            (
                Preset::Workos,
                "https://api.workos.com/user_management/client_01H",
                Some("https://api.workos.com/sso/jwks/client_01H"),
            ),
            (Preset::Workos, "https://api.workos.com", None),
            (
                Preset::Kinde,
                "https://acme.kinde.com",
                Some("https://acme.kinde.com/.well-known/jwks"),
            ),
            (
                Preset::BetterAuth,
                "https://app.acme.com",
                Some("https://app.acme.com/api/auth/jwks"),
            ),
            (Preset::Stytch, "stytch.com/project-test-1", None),
            (Preset::Oidc, "https://id.acme.com", None),
        ];
        for (preset, iss, expected) in cases {
            assert_eq!(preset.jwks_uri(iss).as_deref(), expected, "{preset:?}");
        }
    }
}
