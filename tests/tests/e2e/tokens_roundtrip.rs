//! Each provider's tokens, in that provider's exact shape, from the provider to the rows.

use anyhow::Result;
use insforge_tests::issuer::now;
use serde_json::{Value, json};

use crate::tokens_support::{Desk, seen};

/// A provider as it is: what it signs with, where its keys are, what it puts into a token, and who that is.
struct Shape {
    alg: &'static str,
    kid: &'static str,
    jwks_path: &'static str,
    settings: Value,
    header: Value,
    claims: Value,
    user: &'static str,
    email: Option<&'static str>,
    /// Organisation, role, permissions.
    membership: Option<(&'static str, Option<&'static str>, &'static [&'static str])>,
}

const TABLES: &str = "
  CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, user_id text, body text);
  CREATE TABLE projects (id int GENERATED ALWAYS AS IDENTITY, org_id text, name text);
  SELECT insforge.create_policies('notes', 'owner');
  SELECT insforge.create_policies('projects', 'org');";

/// The token is exchanged, the minted one carries `sub`, `email` and `role` only, generated policies show
/// the user's rows and those of the organisation, and an ended membership hides the latter at once.
async fn round_trip(shape: Shape) -> Result<()> {
    let desk = Desk::new(shape.alg, shape.kid, shape.jwks_path, shape.settings).await?;
    desk.sandbox.run(TABLES).await?;
    let org = shape.membership.map(|(org, ..)| org);
    desk.sandbox
        .run(&format!(
            "INSERT INTO notes (user_id, body) VALUES ('{user}', 'mine'), ('somebody', 'theirs');
             INSERT INTO projects (org_id, name) VALUES ('{org}', 'ours'), ('other_org', 'theirs')",
            user = shape.user,
            org = org.unwrap_or("none"),
        ))
        .await?;
    let counter = desk.launch().await?;
    let token = desk.key.token(&shape.header, &shape.claims)?;
    let fetched = || async { counter.minted(&token).await.map(Some) };
    let minted =
        insforge_tests::wait::wait_until(crate::scene::SOON, "the token is exchanged", fetched).await?;

    let mut names: Vec<_> = minted.claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    let email = shape.email.map(|_| "email");
    let mut expected: Vec<_> = ["aud", "exp", "iat", "role", "sub"]
        .into_iter()
        .chain(email)
        .collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(minted.subject, shape.user);
    assert_eq!(minted.identity.email.as_deref(), shape.email);
    assert_eq!(minted.claims["role"], "authenticated");
    assert!(minted.expires_at <= shape.claims["exp"].as_i64().unwrap_or_default());

    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT body FROM notes").await?,
        ["mine"]
    );
    let Some((org, role, permissions)) = shape.membership else {
        assert!(
            seen(&desk.sandbox, &minted, "SELECT name FROM projects")
                .await?
                .is_empty()
        );
        return Ok(());
    };
    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT name FROM projects").await?,
        ["ours"]
    );
    let known = seen(
        &desk.sandbox,
        &minted,
        &format!("SELECT insforge.org_role('{org}')"),
    )
    .await?;
    assert_eq!(known, [role.unwrap_or_default()]);
    for permission in permissions {
        let sql = format!("SELECT insforge.has_permission('{org}', '{permission}')");
        assert_eq!(seen(&desk.sandbox, &minted, &sql).await?, ["t"], "{permission}");
    }
    desk.sandbox
        .run(&format!(
            "UPDATE insforge.memberships SET active = false WHERE user_id = '{}'",
            shape.user
        ))
        .await?;
    assert!(
        seen(&desk.sandbox, &minted, "SELECT name FROM projects")
            .await?
            .is_empty()
    );
    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT body FROM notes").await?,
        ["mine"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clerk_session_tokens_of_version_2() -> Result<()> {
    round_trip(Shape {
        alg: "RS256",
        kid: "ins_2fKzAbCdEf",
        jwks_path: "/.well-known/jwks.json",
        settings: json!({"preset": "clerk", "iss": "https://clerk.acme.example", "azp": ["https://app.acme.example"]}),
        header: json!({"cat": "cl_B7d4PD111AAA", "typ": "JWT"}),
        claims: json!({
            "azp": "https://app.acme.example", "iss": "https://clerk.acme.example", "sub": "user_2xPnG8KxVQr", "v": 2,
            "sid": "sess_2fKz", "sts": "active", "fva": [7, -1], "jti": "10db7f53", "iat": now(), "nbf": now() - 10,
            "exp": now() + 60, "pla": "u:free,o:pro", "fea": "u:beta,o:dashboard,uo:teams",
            "o": {"id": "org_2fKzAbC", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "3,2"},
        }),
        user: "user_2xPnG8KxVQr",
        email: None,
        membership: Some(("org_2fKzAbC", Some("admin"), &["dashboard:manage", "dashboard:read", "teams:read"])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn auth0_access_tokens_for_an_api() -> Result<()> {
    round_trip(Shape {
        alg: "RS256",
        kid: "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg",
        jwks_path: "/.well-known/jwks.json",
        settings: json!({"preset": "auth0", "iss": "https://acme.eu.auth0.com/", "aud": "https://api.acme.example"}),
        header: json!({"typ": "JWT"}),
        claims: json!({
            "iss": "https://acme.eu.auth0.com/", "sub": "auth0|64a7c0ffee0123456789abcd",
            "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"], "iat": now(), "exp": now() + 86400,
            "azp": "cLiEnTiD", "scope": "openid profile email", "org_id": "org_9ybsU1dN2dKfDkBi",
            "permissions": ["read:todos", "write:todos"], "https://insforge.dev/email": "ada@acme.example",
            "https://insforge.dev/roles": ["editor"],
        }),
        user: "auth0|64a7c0ffee0123456789abcd",
        email: Some("ada@acme.example"),
        membership: Some(("org_9ybsU1dN2dKfDkBi", Some("editor"), &["read:todos", "write:todos"])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn workos_access_tokens() -> Result<()> {
    round_trip(Shape {
        alg: "RS256",
        kid: "sso_oidc_key_pair_01HBEQ",
        jwks_path: "/sso/jwks/client_01H",
        settings: json!({"preset": "workos", "iss": "https://api.workos.com/user_management/client_01H"}),
        header: json!({}),
        claims: json!({
            "iss": "https://api.workos.com/user_management/client_01H", "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT",
            "sid": "session_01HQSX", "jti": "01HQSXZ", "org_id": "org_01HRDM", "role": "admin", "roles": ["admin"],
            "permissions": ["posts:read"], "entitlements": ["audit-logs"], "feature_flags": ["beta"],
            "exp": now() + 300, "iat": now(),
        }),
        user: "user_01HBEQKA6K4QJAS93VPE39W1JT",
        email: None,
        membership: Some(("org_01HRDM", Some("admin"), &["posts:read"])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn kinde_access_tokens() -> Result<()> {
    round_trip(Shape {
        alg: "RS256",
        kid: "12:34:56:78:9a:bc",
        jwks_path: "/.well-known/jwks",
        settings: json!({"preset": "kinde", "iss": "https://acme.kinde.com"}),
        header: json!({"typ": "JWT"}),
        claims: json!({
            "aud": [], "azp": "dee7f3c57b3c47e8", "exp": now() + 86400, "iat": now(), "iss": "https://acme.kinde.com",
            "jti": "fbb6bc62", "org_code": "org_1767f1", "feature_flags": {"theme": {"t": "s", "v": "pink"}},
            "permissions": ["create:competitions"], "roles": [{"id": "01", "key": "manager", "name": "Manager"}],
            "scp": ["openid", "profile"], "sub": "kp_c3143a4b50ad43c88e541d9077681782",
        }),
        user: "kp_c3143a4b50ad43c88e541d9077681782",
        email: None,
        membership: Some(("org_1767f1", Some("manager"), &["create:competitions"])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn stytch_b2b_session_tokens() -> Result<()> {
    let project = "project-test-8aed2e54";
    round_trip(Shape {
        alg: "RS256",
        kid: "jwk-test-4f5e2a7c",
        jwks_path: "/v1/b2b/sessions/jwks/project-test-8aed2e54",
        settings: json!({"preset": "stytch", "iss": format!("stytch.com/{project}"), "aud": project}),
        header: json!({"typ": "JWT"}),
        claims: json!({
            "aud": [project], "exp": now() + 300, "iat": now(), "nbf": now(), "iss": format!("stytch.com/{project}"),
            "sub": "member-test-32fc5024",
            "https://stytch.com/session": {
                "id": "member-session-test-fe6c", "roles": ["stytch_member", "editor"],
                "authentication_factors": [{"type": "magic_link", "email_factor": {"email_address": "ada@acme.example"}}],
            },
            "https://stytch.com/organization": {"organization_id": "organization-test-07971b06", "slug": "acme"},
        }),
        user: "member-test-32fc5024",
        email: Some("ada@acme.example"),
        membership: Some(("organization-test-07971b06", Some("editor"), &[])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn better_auth_tokens() -> Result<()> {
    round_trip(Shape {
        alg: "EdDSA",
        kid: "bH3fWkX0",
        jwks_path: "/api/auth/jwks",
        settings: json!({"preset": "better-auth", "iss": "https://app.acme.example", "aud": "https://app.acme.example"}),
        header: json!({}),
        claims: json!({
            "iss": "https://app.acme.example", "aud": "https://app.acme.example", "sub": "f5kGYiUXDPEJqRDQ4jgtNTopIzpj5MgK",
            "iat": now(), "exp": now() + 900, "id": "f5kGYiUXDPEJqRDQ4jgtNTopIzpj5MgK", "email": "ada@acme.example",
            "emailVerified": true, "name": "Ada", "activeOrganizationId": "orgBA",
        }),
        user: "f5kGYiUXDPEJqRDQ4jgtNTopIzpj5MgK",
        email: Some("ada@acme.example"),
        membership: Some(("orgBA", None, &[])),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn better_auth_addresses_that_are_not_verified_are_left_out() -> Result<()> {
    round_trip(Shape {
        alg: "ES256",
        kid: "p256",
        jwks_path: "/api/auth/jwks",
        settings: json!({"preset": "better-auth", "iss": "https://app.acme.example", "aud": "https://app.acme.example"}),
        header: json!({}),
        claims: json!({
            "iss": "https://app.acme.example", "aud": "https://app.acme.example", "sub": "eve", "iat": now(),
            "exp": now() + 900, "email": "ada@acme.example", "emailVerified": false,
        }),
        user: "eve",
        email: None,
        membership: None,
    })
    .await
}
