use insforge_protocol::jwt::{Identity, TokenError, verify};
use serde_json::{Value, json};

use super::{NOW, merge, profile};
use crate::jwt_support::issuer::Issuer;

/// Judges a token with a provider's own claims, changed a little.
fn judge(issuer: &Issuer, settings: &Value, claims: &Value, changes: Value) -> Result<Identity, TokenError> {
    let (mut settings, mut claims) = (settings.clone(), claims.clone());
    settings["jwks"] = issuer.jwks();
    merge(&mut claims, changes);
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    verify(&issuer.token(&claims), &profile(settings), NOW).map(|verified| verified.identity)
}

fn identity(parts: Value) -> Identity {
    let mut whole = json!({"permissions": []});
    merge(&mut whole, parts);
    serde_json::from_value(whole).unwrap()
}

fn clerk() -> (Value, Value) {
    let settings =
        json!({"preset": "clerk", "iss": "https://clerk.acme.example", "azp": ["https://app.example"]});
    let claims = json!({
        "azp": "https://app.example", "exp": NOW + 60, "iat": NOW, "nbf": NOW - 10, "fva": [7, -1],
        "iss": "https://clerk.acme.example", "jti": "10db7f53", "sid": "sess_2fKz", "sub": "user_2xPnG8KxVQr",
        "v": 2, "sts": "active", "pla": "u:free,o:pro", "fea": "u:beta,o:dashboard,uo:teams",
        "o": {"id": "org_2fKzAbC", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "3,2"}
    });
    (settings, claims)
}

#[test]
fn clerk_version_two_and_version_one_tokens_agree() {
    let issuer = Issuer::rsa("ins_1");
    let (settings, claims) = clerk();
    let expected = identity(json!({
        "user_id": "user_2xPnG8KxVQr", "org_id": "org_2fKzAbC", "org_role": "admin", "session_id": "sess_2fKz",
        "permissions": ["dashboard:manage", "dashboard:read", "teams:read"]
    }));
    assert_eq!(
        judge(&issuer, &settings, &claims, json!({})),
        Ok(expected.clone())
    );
    let version_one = json!({
        "v": null, "o": null, "fea": null, "org_id": "org_2fKzAbC", "org_role": "org:admin",
        "org_permissions": ["org:dashboard:manage", "org:dashboard:read", "org:teams:read"]
    });
    assert_eq!(judge(&issuer, &settings, &claims, version_one), Ok(expected));
}

#[test]
fn a_clerk_token_without_organisation_belongs_to_none() {
    let (settings, claims) = clerk();
    let personal = judge(&Issuer::rsa("ins_1"), &settings, &claims, json!({"o": null})).unwrap();
    assert_eq!(
        (personal.org_id, personal.org_role, personal.permissions),
        (None, None, vec![])
    );
}

#[test]
fn a_clerk_impersonation_shows_who_acts() {
    let (settings, claims) = clerk();
    let act = json!({"act": {"iss": "https://dashboard.clerk.com", "sid": "sess_x", "sub": "user_support"}});
    let identity = judge(&Issuer::rsa("ins_1"), &settings, &claims, act).unwrap();
    assert_eq!(identity.actor.as_deref(), Some("user_support"));
}

#[test]
fn a_pending_clerk_session_signs_nobody_in() {
    let issuer = Issuer::rsa("ins_1");
    let (mut settings, claims) = clerk();
    let pending = json!({"sts": "pending"});
    assert_eq!(
        judge(&issuer, &settings, &claims, pending.clone()),
        Err(TokenError::SessionPending)
    );
    settings["allow_pending_sessions"] = json!(true);
    assert!(judge(&issuer, &settings, &claims, pending).is_ok());
}

fn auth0() -> (Value, Value) {
    let settings =
        json!({"preset": "auth0", "iss": "https://acme.eu.auth0.com/", "aud": "https://api.acme.example"});
    let claims = json!({
        "iss": "https://acme.eu.auth0.com/", "sub": "auth0|64a7c0ffee", "iat": NOW, "exp": NOW + 86_400,
        "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"], "azp": "cLiEnTiD",
        "scope": "openid profile email", "org_id": "org_9ybsU1", "permissions": ["read:todos", "write:todos"],
        "https://insforge.dev/email": "ada@acme.example", "https://insforge.dev/roles": ["editor", "viewer"]
    });
    (settings, claims)
}

#[test]
fn auth0_claims_under_urls_are_read() {
    let (settings, claims) = auth0();
    let expected = identity(json!({
        "user_id": "auth0|64a7c0ffee", "email": "ada@acme.example", "org_id": "org_9ybsU1", "org_role": "editor",
        "permissions": ["read:todos", "write:todos"]
    }));
    assert_eq!(
        judge(&Issuer::rsa("a0"), &settings, &claims, json!({})),
        Ok(expected)
    );
}

#[test]
fn an_auth0_token_of_another_api_in_the_tenant_is_refused() {
    let (settings, claims) = auth0();
    let other = json!({"aud": ["https://billing.acme.example", "https://acme.eu.auth0.com/userinfo"]});
    assert_eq!(
        judge(&Issuer::rsa("a0"), &settings, &claims, other),
        Err(TokenError::BadAudience)
    );
}

#[test]
fn an_auth0_machine_token_is_no_user() {
    let issuer = Issuer::rsa("a0");
    let (mut settings, claims) = auth0();
    for machine in [
        json!({"sub": "cLiEnTiD@clients"}),
        json!({"gty": "client-credentials"}),
    ] {
        assert_eq!(
            judge(&issuer, &settings, &claims, machine),
            Err(TokenError::MachineToken)
        );
    }
    settings["allow_machine_tokens"] = json!(true);
    assert!(judge(&issuer, &settings, &claims, json!({"sub": "cLiEnTiD@clients"})).is_ok());
}

#[test]
fn auth0_access_tokens_come_with_three_kinds_of_typ_and_others_are_refused() {
    let issuer = Issuer::rsa("a0");
    let (mut settings, claims) = auth0();
    settings["jwks"] = issuer.jwks();
    let own = profile(settings);
    let judge = |header: Value| verify(&issuer.token_with(&header, &claims), &own, NOW).err();
    assert_eq!(judge(json!({"alg": "RS256", "kid": "a0"})), None);
    for typ in ["JWT", "at+jwt", "application/at+jwt"] {
        assert_eq!(
            judge(json!({"alg": "RS256", "kid": "a0", "typ": typ})),
            None,
            "{typ}"
        );
    }
    let logout = json!({"alg": "RS256", "kid": "a0", "typ": "logout+jwt"});
    assert_eq!(judge(logout), Some(TokenError::WrongTokenType));
}

#[test]
fn workos_roles_are_roles_in_the_organisation() {
    let settings = json!({"preset": "workos", "iss": ["https://api.workos.com/user_management/client_01H"]});
    let claims = json!({
        "iss": "https://api.workos.com/user_management/client_01H", "sub": "user_01HBEQ", "sid": "session_01HQSX",
        "jti": "01HQSXZ", "org_id": "org_01HRDM", "role": "admin", "roles": ["admin"], "iat": NOW, "exp": NOW + 300,
        "permissions": ["posts:read"], "entitlements": ["audit-logs"], "act": {"sub": "support@acme.example"}
    });
    let expected = identity(json!({
        "user_id": "user_01HBEQ", "org_id": "org_01HRDM", "org_role": "admin", "permissions": ["posts:read"],
        "session_id": "session_01HQSX", "actor": "support@acme.example"
    }));
    let issuer = Issuer::rsa("sso_1");
    assert_eq!(judge(&issuer, &settings, &claims, json!({})), Ok(expected));
    let moved = json!({"role": null, "user_role": "member"});
    assert_eq!(
        judge(&issuer, &settings, &claims, moved)
            .unwrap()
            .org_role
            .as_deref(),
        Some("member")
    );
    let foreign = json!({"iss": "https://api.workos.com/user_management/client_99"});
    assert_eq!(
        judge(&issuer, &settings, &claims, foreign),
        Err(TokenError::BadIssuer)
    );
}

#[test]
fn kinde_roles_are_objects_with_a_key() {
    let settings = json!({"preset": "kinde", "iss": "https://acme.kinde.com"});
    let claims = json!({
        "aud": [], "azp": "dee7f3c5", "exp": NOW + 86_400, "iat": NOW, "iss": "https://acme.kinde.com",
        "jti": "fbb6bc62", "org_code": "org_1767f1", "permissions": ["create:competitions"], "scp": ["openid"],
        "sub": "kp_c3143a4b", "roles": [{"id": "01", "key": "manager", "name": "Manager"}],
        "feature_flags": {"theme": {"t": "s", "v": "pink"}}
    });
    let expected = identity(json!({
        "user_id": "kp_c3143a4b", "org_id": "org_1767f1", "org_role": "manager",
        "permissions": ["create:competitions"]
    }));
    assert_eq!(
        judge(&Issuer::rsa("kd"), &settings, &claims, json!({})),
        Ok(expected)
    );
}

fn stytch() -> (Value, Value) {
    let settings =
        json!({"preset": "stytch", "iss": "stytch.com/project-test-8aed", "aud": "project-test-8aed"});
    let claims = json!({
        "aud": ["project-test-8aed"], "iss": "stytch.com/project-test-8aed", "sub": "member-test-32fc",
        "iat": NOW, "nbf": NOW, "exp": NOW + 300,
        "https://stytch.com/session": {
            "id": "member-session-test-fe6c", "roles": ["stytch_member", "editor"],
            "started_at": "2027-01-15T07:59:00Z", "expires_at": "2027-01-15T09:00:00Z",
            "authentication_factors": [
                {"type": "otp", "phone_number_factor": {"phone_number": "+1555"}},
                {"type": "magic_link", "email_factor": {"email_address": "ada@acme.example"}}
            ]
        },
        "https://stytch.com/organization": {"organization_id": "organization-test-0797", "slug": "acme"}
    });
    (settings, claims)
}

#[test]
fn stytch_claims_are_found_inside_its_url_named_objects() {
    let (settings, claims) = stytch();
    let expected = identity(json!({
        "user_id": "member-test-32fc", "email": "ada@acme.example", "org_id": "organization-test-0797",
        "org_role": "editor", "session_id": "member-session-test-fe6c"
    }));
    assert_eq!(
        judge(&Issuer::rsa("st"), &settings, &claims, json!({})),
        Ok(expected)
    );
}

#[test]
fn a_stytch_consumer_session_has_no_organisation() {
    let (settings, claims) = stytch();
    let consumer = json!({
        "sub": "user-test-11", "https://stytch.com/organization": null,
        "https://stytch.com/session": {"id": "session-test-1", "roles": ["stytch_user"]}
    });
    let expected = identity(json!({"user_id": "user-test-11", "session_id": "session-test-1"}));
    assert_eq!(
        judge(&Issuer::rsa("st"), &settings, &claims, consumer),
        Ok(expected)
    );
}

#[test]
fn better_auth_tokens_verify_without_typ_and_with_bare_keys() {
    let base = "https://app.acme.example";
    let claims = json!({
        "iss": base, "aud": base, "sub": "f5kGYiUXDPEJ", "iat": NOW, "exp": NOW + 900, "id": "f5kG",
        "email": "ada@acme.example", "emailVerified": true, "name": "Ada", "activeOrganizationId": "orgBA",
        "sessionId": "s1", "impersonatedBy": "admin1"
    });
    let expected = identity(json!({
        "user_id": "f5kGYiUXDPEJ", "email": "ada@acme.example", "org_id": "orgBA", "session_id": "s1",
        "actor": "admin1"
    }));
    for (issuer, alg) in [(Issuer::ed25519("e"), "EdDSA"), (Issuer::p256("e"), "ES256")] {
        let own = profile(json!({"preset": "better-auth", "iss": base, "aud": base, "jwks": issuer.jwks()}));
        let token = issuer.token_with(&json!({"alg": alg, "kid": "e"}), &claims);
        assert_eq!(verify(&token, &own, NOW).unwrap().identity, expected, "{alg}");
    }
}

#[test]
fn an_address_that_the_token_calls_unverified_is_left_out() {
    let base = "https://app.acme.example";
    let mut settings = json!({"preset": "better-auth", "iss": base, "aud": base});
    let claims = json!({"iss": base, "aud": base, "sub": "u", "exp": NOW + 9, "email": "boss@acme.example", "emailVerified": false});
    let issuer = Issuer::ed25519("e");
    assert_eq!(judge(&issuer, &settings, &claims, json!({})).unwrap().email, None);
    let said_twice = json!({"emailVerified": true, "email_verified": "false"});
    assert_eq!(
        judge(&issuer, &settings, &claims, said_twice).unwrap().email,
        None
    );
    settings["allow_unverified_email"] = json!(true);
    assert!(
        judge(&issuer, &settings, &claims, json!({}))
            .unwrap()
            .email
            .is_some()
    );
}

#[test]
fn an_insforge_session_verifies_by_its_own_key_and_a_refresh_token_does_not() {
    let issuer = Issuer::rsa("kid_00ff");
    let settings = json!({"preset": "insforge"});
    let claims =
        json!({"sub": "9f1c", "email": "ada@acme.example", "role": "authenticated", "exp": NOW + 900});
    let session = judge(&issuer, &settings, &claims, json!({})).unwrap();
    assert_eq!(
        session,
        identity(json!({"user_id": "9f1c", "email": "ada@acme.example"}))
    );
    for kind in ["refresh", "project_authorization"] {
        let other = judge(&issuer, &settings, &claims, json!({"type": kind}));
        assert_eq!(other, Err(TokenError::WrongTokenType), "{kind}");
    }
}

#[test]
fn values_of_a_wrong_type_count_as_absent() {
    let (settings, claims) = auth0();
    let odd = json!({
        "org_id": 5, "permissions": "read:todos", "https://insforge.dev/roles": [{"a": 1}, "", "late"],
        "https://insforge.dev/email": ["x"], "email": "second@acme.example", "sid": "a\u{0}b"
    });
    let identity = judge(&Issuer::rsa("a0"), &settings, &claims, odd).unwrap();
    assert_eq!(identity.org_id, None);
    assert!(identity.permissions.is_empty());
    assert_eq!(identity.org_role.as_deref(), Some("late"));
    assert_eq!(identity.email.as_deref(), Some("second@acme.example"));
    assert_eq!(identity.session_id, None);
}
