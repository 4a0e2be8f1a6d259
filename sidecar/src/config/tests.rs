use std::time::Duration;

use super::*;

const COMPLETE: &[(&str, &str)] = &[
    (
        "DATABASE_URL",
        "postgres://sidecar:s3cr3t-pw@db.internal:5432/insforge?sslmode=verify-full",
    ),
    ("OKX_API_KEY", "11111111-2222-3333-4444-555555555555"),
    ("OKX_SECRET_KEY", "0123456789ABCDEF0123456789ABCDEF"),
    ("OKX_PASSPHRASE", "correct horse"),
];

fn gather(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Raw, Faults> {
    let pairs = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Raw::gather(file, pairs).map_err(Faults)
}

/// Settings of a complete configuration with some variables replaced or added.
fn with(changes: &[(&str, &str)]) -> Result<Settings, Faults> {
    let mut environment = COMPLETE.to_vec();
    environment.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    environment.extend_from_slice(changes);
    Settings::from_raw(&gather(None, &environment)?)
}

/// The only fault of such a configuration, as it is printed.
fn only_fault(changes: &[(&str, &str)]) -> String {
    let faults = with(changes).expect_err("the configuration should be refused").0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults[0].to_string()
}

#[test]
fn the_defaults_and_three_credentials_are_enough() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.settler.lease, Duration::from_secs(8));
    assert_eq!(settings.facilitator.requests_per_second, 1.0);
    assert!(matches!(settings.facilitator.mode, FacilitatorMode::Okx(okx) if okx.generation == 2));
    assert_eq!(settings.database.target.verification, Verification::Full);
}

#[test]
fn all_faults_are_reported_at_once_and_each_has_a_remedy() {
    let raw = gather(
        None,
        &[("OKX_API_GENERATION", "3"), ("INSFORGE_SIDECAR_LEASE", "8")],
    )
    .unwrap();
    let faults = Settings::from_raw(&raw).unwrap_err();
    let text = faults.to_string();
    for name in [
        "DATABASE_URL",
        "OKX_API_KEY",
        "OKX_SECRET_KEY",
        "OKX_PASSPHRASE",
        "settler.lease",
    ] {
        assert!(text.contains(name), "{text}");
    }
    assert!(text.contains("okx.api_generation (OKX_API_GENERATION): \"3\" is not a choice; write 1 or 2"));
    assert!(faults.0.iter().all(|fault| !fault.remedy.is_empty()));
}

#[test]
fn each_form_of_value_names_its_own_fault() {
    for (name, value, fault) in [
        ("INSFORGE_ENV", "prod", "is not a choice"),
        ("INSFORGE_SIDECAR_LOG", "info,=", "is not a log filter"),
        ("INSFORGE_SIDECAR_LOG_FORMAT", "xml", "write text or json"),
        ("INSFORGE_SIDECAR_DATABASE_POOL_SIZE", "0", "out of range"),
        (
            "INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT",
            "1d",
            "is not a duration",
        ),
        ("INSFORGE_SIDECAR_CONCURRENCY", "many", "is not a whole number"),
        ("INSFORGE_SIDECAR_POLL_INTERVAL", "5", "has no unit"),
        ("INSFORGE_SIDECAR_PING_INTERVAL", "10ms", "out of range"),
        (
            "INSFORGE_SIDECAR_GRACE",
            "99999999999999999999s",
            "is not a duration",
        ),
        ("INSFORGE_SIDECAR_SETTLER", "maybe", "neither true nor false"),
        ("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "-1", "out of range"),
        ("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "NaN", "out of range"),
        ("OKX_BASE_URL", "web3.okx.com", "is not a URL"),
        (
            "OKX_BASE_URL",
            "ftp://web3.okx.com",
            "is not an http or https URL",
        ),
        ("OKX_BASE_URL", "https://web3.okx.com/api", "has a path"),
        (
            "OKX_BASE_URL",
            "https://me:pw@web3.okx.com",
            "contains a user name",
        ),
        (
            "XLAYER_RPC_URLS",
            "https://rpc.xlayer.tech,nonsense",
            "is not a URL",
        ),
        ("PAYMENT_RECIPIENT", "0x1234", "is not an address"),
        (
            "PAYMENT_RECIPIENT",
            "0x0000000000000000000000000000000000000000",
            "is the zero address",
        ),
        ("INSFORGE_SIDECAR_LISTEN", "9464", "is not an address with a port"),
        (
            "DATABASE_URL",
            "postgres://u:p@h/db?sslmode=always",
            "unknown sslmode",
        ),
        ("DATABASE_URL", "postgres:///db", "names no host"),
        ("DATABASE_URL", "postgres://host/db", "names no user"),
    ] {
        let shown = only_fault(&[(name, value)]);
        assert!(
            shown.contains(name) && shown.contains(fault),
            "{name}={value}: {shown}"
        );
    }
}

#[test]
fn the_fault_of_a_secret_does_not_show_it() {
    let shown = only_fault(&[("DATABASE_URL", "postgres://user:hun?ter=2@host:port/db")]);
    assert!(shown.contains("is not a connection string"), "{shown}");
    assert!(!shown.contains("hun") && !shown.contains("ter=2"), "{shown}");
}

#[test]
fn a_broken_file_is_reported_by_line_without_its_text() {
    let faults = gather(Some("[okx]\n\napi_key = \"topsecret\nburst = 1"), &[])
        .err()
        .unwrap();
    let shown = faults.to_string();
    assert!(
        shown.contains("line 3") && !shown.contains("topsecret"),
        "{shown}"
    );
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_known_one() {
    let faults = gather(Some("[settler]\nconcurency = 4\n[unheard]\nof = 1"), &[])
        .err()
        .unwrap();
    let shown = faults.to_string();
    assert!(shown.contains("did you mean settler.concurrency?"), "{shown}");
    assert!(shown.contains("unheard: names no option"), "{shown}");
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning_with_the_nearest_known_one() {
    let raw = gather(
        None,
        &[("INSFORGE_SIDECAR_CONCURENCY", "4"), ("OKX_SOMETHING", "1")],
    )
    .unwrap();
    assert_eq!(raw.warnings.len(), 1);
    assert!(
        raw.warnings[0].contains("did you mean INSFORGE_SIDECAR_CONCURRENCY?"),
        "{:?}",
        raw.warnings
    );
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_variable_does_not_count() {
    let file = "[settler]\nconcurrency = 4\nbatch = 7\n[xlayer]\nrpc_urls = [\"https://a.test\", \"https://b.test\"]";
    let mut environment = COMPLETE.to_vec();
    environment.extend([
        ("INSFORGE_SIDECAR_CONCURRENCY", "9"),
        ("INSFORGE_SIDECAR_BATCH", " "),
    ]);
    let settings = Settings::from_raw(&gather(Some(file), &environment).unwrap()).unwrap();
    assert_eq!((settings.settler.concurrency, settings.settler.batch), (9, 7));
    assert_eq!(settings.chain.endpoints.expose().len(), 2);
}

#[test]
fn production_refuses_what_is_dangerous_with_real_money() {
    for (name, value, fault) in [
        ("MOCK_OKX_FACILITATOR", "true", "mock mode settles nothing"),
        (
            "INSFORGE_JWT_SECRET",
            "dev-secret-please-change-in-production",
            "published placeholder",
        ),
        ("INSFORGE_JWT_SECRET", "short", "shorter than 32 bytes"),
        ("OKX_SECRET_KEY", "abc", "too short"),
        ("OKX_PASSPHRASE", "changeme", "is a placeholder"),
        ("OKX_BASE_URL", "http://web3.okx.com", "plain text"),
        ("INSFORGE_SIDECAR_LISTEN", "0.0.0.0:9464", "beyond loopback"),
    ] {
        assert!(
            with(&[(name, value)]).is_ok(),
            "{name}={value} is fine in development"
        );
        let shown = only_fault(&[(name, value), ("INSFORGE_ENV", "production")]);
        assert!(
            shown.contains(name) && shown.contains(fault),
            "{name}={value}: {shown}"
        );
    }
    assert!(with(&[("INSFORGE_ENV", "production")]).is_ok());
}

#[test]
fn show_and_debug_reveal_no_secret() {
    let mut environment = COMPLETE.to_vec();
    environment.push(("INSFORGE_JWT_SECRET", "jwt-secret-value-of-sufficient-length"));
    let raw = gather(None, &environment).unwrap();
    let settings = Settings::from_raw(&raw).unwrap();
    let shown = format!(
        "{}{settings:#?}{}",
        show(&raw),
        settings.database.target.summary()
    );
    for secret in [
        "s3cr3t-pw",
        "11111111-2222",
        "0123456789ABCDEF",
        "correct horse",
        "jwt-secret-value",
    ] {
        assert!(!shown.contains(secret), "{secret} is shown in {shown}");
    }
    assert!(shown.contains("sidecar@db.internal:5432/insforge"));
}

#[test]
fn show_is_toml_that_names_every_option() {
    let shown = show(&gather(None, COMPLETE).unwrap());
    assert!(shown.parse::<toml::Table>().is_ok(), "{shown}");
    for opt in OPTIONS {
        let name = opt.key.rsplit('.').next().unwrap();
        assert!(
            shown.contains(&format!("{name} =")),
            "{name} is missing in {shown}"
        );
    }
}

#[test]
fn sslmode_has_the_meanings_of_libpq() {
    use tokio_postgres::config::SslMode;
    for (query, mode, verification) in [
        ("", SslMode::Prefer, Verification::None),
        ("?sslmode=disable", SslMode::Disable, Verification::None),
        ("?sslmode=require", SslMode::Require, Verification::None),
        (
            "?sslmode=require&sslrootcert=%2Fetc%2Fca.pem",
            SslMode::Require,
            Verification::Authority,
        ),
        (
            "?connect_timeout=3&sslmode=verify-ca",
            SslMode::Require,
            Verification::Authority,
        ),
        ("?sslmode=verify-full", SslMode::Require, Verification::Full),
    ] {
        let url = format!("postgres://u:p@a:1,b:2/db{query}");
        let target = with(&[("DATABASE_URL", &url)]).unwrap().database.target;
        assert_eq!(
            (target.config.get_ssl_mode(), target.verification),
            (mode, verification),
            "{query}"
        );
        assert_eq!(target.config.get_hosts().len(), 2);
    }
    let keyed = with(&[(
        "DATABASE_URL",
        "host=h user=u sslmode=verify-full sslrootcert=/ca.pem",
    )])
    .unwrap();
    assert_eq!(keyed.database.target.verification, Verification::Full);
    assert_eq!(
        keyed.database.target.root_certificates.as_deref(),
        Some("/ca.pem".as_ref())
    );
}

#[test]
fn the_page_in_docs_is_generated_from_the_table() {
    let page = include_str!("../../../docs/configuration.md");
    assert!(
        page == docs(),
        "run: insforge-sidecar config docs > docs/configuration.md"
    );
}
