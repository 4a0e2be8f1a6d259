/// One option of the sidecar.
#[derive(Debug)]
pub struct Opt {
    /// Dotted key in the TOML file.
    pub key: &'static str,
    /// Environment variable; it wins over the file.
    pub env: &'static str,
    /// Value when none is given, written as in the environment.
    pub default: Option<&'static str>,
    /// The form of the value, for people.
    pub form: &'static str,
    /// Whether the value is never shown.
    pub secret: bool,
    /// What it does.
    pub doc: &'static str,
}

impl Opt {
    /// Both names: the file's key and the environment variable.
    pub fn name(&self) -> String {
        format!("{} ({})", self.key, self.env)
    }
}

/// Prefix of the environment variables that are the sidecar's own.
pub(super) const ENV_PREFIX: &str = "INSFORGE_SIDECAR_";

macro_rules! options {
    ($($name:ident: $key:literal, $env:literal, $default:expr, $form:literal, $secret:expr, $doc:literal;)+) => {
        $(pub(super) static $name: Opt = Opt {
            key: $key, env: $env, default: $default, form: $form, secret: $secret, doc: $doc,
        };)+

        /// Every option, in the order of the documentation.
        pub static OPTIONS: &[&Opt] = &[$(&$name),+];
    };
}

const SHOWN: bool = false;
const SECRET: bool = true;

options! {
    ENVIRONMENT: "environment", "INSFORGE_ENV", Some("development"), "`development` or `production`", SHOWN,
        "`production` refuses mock mode, default or short secrets, plain-text connections to OKX and plain-text listeners beyond loopback.";
    LOG_LEVEL: "log.level", "INSFORGE_SIDECAR_LOG", Some("info"), "level or filter", SHOWN,
        "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,insforge_sidecar::db=debug`.";
    LOG_FORMAT: "log.format", "INSFORGE_SIDECAR_LOG_FORMAT", Some("text"), "`text` or `json`", SHOWN,
        "Form of the log lines on standard error.";
    DATABASE_URL: "database.url", "DATABASE_URL", None, "connection string", SECRET,
        "Postgres with the extension, as `postgres://user:password@host:5432/database` or `host=… user=…`. Several hosts with `target_session_attrs=read-write` follow a failover. `sslmode` is `disable`, `prefer` (default), `require`, `verify-ca` or `verify-full`, with libpq's meanings; `sslrootcert` names a PEM file.";
    DATABASE_POOL_SIZE: "database.pool_size", "INSFORGE_SIDECAR_DATABASE_POOL_SIZE", Some("4"), "whole number, 1 to 100", SHOWN,
        "Connections for work; the one used last is used next. Heartbeats and the listener hold one more each.";
    DATABASE_CONNECT_TIMEOUT: "database.connect_timeout", "INSFORGE_SIDECAR_DATABASE_CONNECT_TIMEOUT", Some("5s"), "duration, 100ms to 60s", SHOWN,
        "Time to reach one host of the database. A `connect_timeout` in the connection string wins.";
    DATABASE_QUERY_TIMEOUT: "database.query_timeout", "INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT", Some("10s"), "duration, 100ms to 5m", SHOWN,
        "Time for one statement; then its connection is given up, because a silent one may be half open.";
    SETTLER_ENABLED: "settler.enabled", "INSFORGE_SIDECAR_SETTLER", Some("true"), "`true` or `false`", SHOWN,
        "Whether this process settles payments.";
    SETTLER_WORKER: "settler.worker", "INSFORGE_SIDECAR_WORKER", None, "text", SHOWN,
        "Name of this worker in leases and events. Default: host name and process id.";
    SETTLER_CONCURRENCY: "settler.concurrency", "INSFORGE_SIDECAR_CONCURRENCY", Some("64"), "whole number, 1 to 10000", SHOWN,
        "Payments in flight at once in this process.";
    SETTLER_BATCH: "settler.batch", "INSFORGE_SIDECAR_BATCH", Some("100"), "whole number, 1 to 1000", SHOWN,
        "Most payments claimed, begun or finished by one statement.";
    SETTLER_LEASE: "settler.lease", "INSFORGE_SIDECAR_LEASE", Some("8s"), "duration, 500ms to 5m", SHOWN,
        "How long a claim holds without a heartbeat; heartbeats come three times as often. After a crash another worker takes over within the larger of this and `settler.poll_interval`.";
    SETTLER_POLL_INTERVAL: "settler.poll_interval", "INSFORGE_SIDECAR_POLL_INTERVAL", Some("8s"), "duration, 100ms to 60s", SHOWN,
        "Longest wait between two looks at an idle queue while the listener is up.";
    SETTLER_POLL_WITHOUT_LISTENER: "settler.poll_interval_without_listener", "INSFORGE_SIDECAR_POLL_INTERVAL_WITHOUT_LISTENER", Some("200ms"), "duration, 10ms to 60s", SHOWN,
        "The same while the listener is down.";
    SETTLER_PING_INTERVAL: "settler.ping_interval", "INSFORGE_SIDECAR_PING_INTERVAL", Some("2500ms"), "duration, 100ms to 60s", SHOWN,
        "How often the listener's connection is tested; the answer must come within the same time. A half-open connection is found within twice this.";
    SETTLER_GRACE: "settler.grace", "INSFORGE_SIDECAR_GRACE", Some("25s"), "duration, 0s to 10m", SHOWN,
        "How long a stop waits for calls in flight. A call cut off after that is recorded as unknown, never as failed, and another worker looks into it. Keep it below the time your service manager allows (Kubernetes: 30 s).";
    OKX_API_KEY: "okx.api_key", "OKX_API_KEY", None, "text", SECRET,
        "API key from the OKX Web3 developer portal; a key of the exchange is refused by OKX with 50114.";
    OKX_SECRET_KEY: "okx.secret_key", "OKX_SECRET_KEY", None, "text", SECRET,
        "Secret belonging to the API key; signs every request.";
    OKX_PASSPHRASE: "okx.passphrase", "OKX_PASSPHRASE", None, "text", SECRET,
        "Passphrase chosen when the API key was made.";
    OKX_BASE_URL: "okx.base_url", "OKX_BASE_URL", Some("https://web3.okx.com"), "URL", SHOWN,
        "Scheme and host of the OKX API.";
    OKX_API_GENERATION: "okx.api_generation", "OKX_API_GENERATION", Some("2"), "`1` or `2`", SHOWN,
        "Which of OKX's payment APIs to speak: 2 is `/api/v6/pay/x402`, 1 is `/api/v6/x402`.";
    OKX_MOCK: "okx.mock", "MOCK_OKX_FACILITATOR", Some("false"), "`true` or `false`", SHOWN,
        "Mock mode: signatures are verified for real, nothing is settled, rows are marked `mock`.";
    OKX_SYNC_SETTLE: "okx.sync_settle", "INSFORGE_SIDECAR_OKX_SYNC_SETTLE", Some("true"), "`true` or `false`", SHOWN,
        "Whether OKX is asked to answer only when the transaction is confirmed.";
    OKX_REQUESTS_PER_SECOND: "okx.requests_per_second", "INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", Some("1"), "number, 0 to 100000", SHOWN,
        "Requests sent to OKX per second by all sidecars that share a database and a key; 0 means no limit. OKX publishes no quota, its own tests stay below 1.";
    OKX_BURST: "okx.burst", "INSFORGE_SIDECAR_OKX_BURST", Some("3"), "whole number, 1 to 10000", SHOWN,
        "Requests that may go at once after a quiet time.";
    OKX_CONNECT_TIMEOUT: "okx.connect_timeout", "INSFORGE_SIDECAR_OKX_CONNECT_TIMEOUT", Some("10s"), "duration, 100ms to 60s", SHOWN,
        "Time to connect to OKX. Running out of it means that nothing was sent.";
    OKX_TIMEOUT: "okx.timeout", "INSFORGE_SIDECAR_OKX_TIMEOUT", Some("30s"), "duration, 100ms to 5m", SHOWN,
        "Time for a whole call to OKX. Running out of it means that the outcome is unknown.";
    XLAYER_RPC_URLS: "xlayer.rpc_urls", "XLAYER_RPC_URLS", None, "URLs, comma separated", SECRET,
        "JSON-RPC endpoints of X Layer, for evidence from the chain. Two different operators are better than one. Secret because providers put keys into the path.";
    CHAIN_TIMEOUT: "chain.timeout", "INSFORGE_SIDECAR_CHAIN_TIMEOUT", Some("10s"), "duration, 100ms to 60s", SHOWN,
        "Time for one call to a chain endpoint.";
    CHAIN_REQUESTS_PER_SECOND: "chain.requests_per_second", "INSFORGE_SIDECAR_CHAIN_REQUESTS_PER_SECOND", Some("20"), "number, 0 to 100000", SHOWN,
        "Calls per second to one chain endpoint; 0 means no limit. X Layer's public endpoints allow 100 per address.";
    CHAIN_LOG_RANGE: "chain.log_range", "INSFORGE_SIDECAR_CHAIN_LOG_RANGE", Some("5000"), "whole number, 1 to 1000000", SHOWN,
        "Most blocks asked for in one search of logs. Where a provider allows fewer, fewer are asked for.";
    CHAIN_SETTLE_AT: "chain.settle_at", "INSFORGE_SIDECAR_SETTLE_AT", Some("latest"), "`latest`, `safe` or `finalized`", SHOWN,
        "How settled the block of a transfer must be before its payment counts as settled. Whatever it is, a payment is followed until its block is finalized, and falls back if the block is reorganised away.";
    CHAIN_PROVING_ENDPOINTS: "chain.proving_endpoints", "INSFORGE_SIDECAR_PROVING_ENDPOINTS", Some("1"), "whole number, 1 to 5", SHOWN,
        "Chain endpoints that must agree before a payment counts as settled. To close one as unpaid, two must agree in any case where two are configured.";
    CHAIN_FINAL_DEPTH: "chain.final_depth", "INSFORGE_SIDECAR_FINAL_DEPTH", None, "whole number, 1 to 1000000", SHOWN,
        "Blocks after which a block counts as final, for chains that do not answer the tag `finalized`. Default: the tag decides.";
    RECONCILE_CONCURRENCY: "reconcile.concurrency", "INSFORGE_SIDECAR_RECONCILE_CONCURRENCY", Some("16"), "whole number, 1 to 1000", SHOWN,
        "Open payments looked at at once in this process.";
    RECONCILE_PATIENCE: "reconcile.patience", "INSFORGE_SIDECAR_RECONCILE_PATIENCE", Some("30s"), "duration, 1s to 1h", SHOWN,
        "How long a transaction that was named may be missing before the same payment is sent again.";
    RECONCILE_ATTEMPTS: "reconcile.attempts", "INSFORGE_SIDECAR_RECONCILE_ATTEMPTS", Some("20"), "whole number, 1 to 1000", SHOWN,
        "Most times one payment is sent.";
    RECONCILE_FINALITY_INTERVAL: "reconcile.finality_interval", "INSFORGE_SIDECAR_FINALITY_INTERVAL", Some("15s"), "duration, 100ms to 1h", SHOWN,
        "How often settled payments are rechecked until they are final; less often while nothing changes.";
    RECONCILE_SCAN_INTERVAL: "reconcile.scan_interval", "INSFORGE_SIDECAR_SCAN_INTERVAL", Some("15s"), "duration, 100ms to 1h", SHOWN,
        "How often transfers to our payees are looked for, whoever sent them.";
    PAYMENT_RECIPIENT: "payment.recipient", "PAYMENT_RECIPIENT", None, "address", SHOWN,
        "Address that is paid, `0x` and 40 hex digits.";
    JWT_SECRET: "insforge.jwt_secret", "INSFORGE_JWT_SECRET", None, "text", SECRET,
        "The secret InsForge signs its tokens with. An administrator key: give it to nobody else.";
    JWT_SECRET_FILE: "insforge.jwt_secret_file", "INSFORGE_JWT_SECRET_FILE", None, "path", SHOWN,
        "File that holds the secret instead; space around it is ignored.";
    TOKENS_PROVIDERS: "tokens.providers", "INSFORGE_SIDECAR_TOKEN_PROVIDERS", None, "tables `[tokens.providers.NAME]`, or a JSON object", SHOWN,
        "Whose tokens are exchanged; with one or more the exchange is on and the secret is required. What a provider holds is in docs/providers.";
    TOKENS_LISTEN: "tokens.listen", "INSFORGE_SIDECAR_TOKENS_LISTEN", Some("127.0.0.1:9465"), "address and port, or `off`", SHOWN,
        "Listener for `POST /token`.";
    TOKENS_ORIGINS: "tokens.allowed_origins", "INSFORGE_SIDECAR_TOKENS_ALLOWED_ORIGINS", None, "origins, comma separated", SHOWN,
        "Origins whose pages may call the exchange, such as `https://app.acme.example`. None by default, and there is no wildcard.";
    TOKENS_TRUSTED_PROXIES: "tokens.trusted_proxies", "INSFORGE_SIDECAR_TOKENS_TRUSTED_PROXIES", Some("127.0.0.0/8,::1"), "addresses and networks, comma separated", SHOWN,
        "Proxies whose `X-Forwarded-For` says who asks.";
    TOKENS_TTL: "tokens.ttl", "INSFORGE_SIDECAR_TOKENS_TTL", Some("15m"), "duration, 10s to 1h", SHOWN,
        "Longest life of an InsForge token. It never outlives the provider's token, unless the provider has a `session_cap`.";
    TOKENS_MEMBERSHIP_TTL: "tokens.membership_ttl", "INSFORGE_SIDECAR_TOKENS_MEMBERSHIP_TTL", Some("24h"), "duration, 1m to 9600h", SHOWN,
        "How long a membership counts after the token that last showed it was issued. Tokens never say that one has ended.";
    TOKENS_KEYS_MAX_AGE: "tokens.keys_max_age", "INSFORGE_SIDECAR_TOKENS_KEYS_MAX_AGE", Some("10m"), "duration, 1s to 24h", SHOWN,
        "A key that a provider has withdrawn stops verifying within this time. Keys are fetched twice as often.";
    TOKENS_KEYS_COOLDOWN: "tokens.keys_cooldown", "INSFORGE_SIDECAR_TOKENS_KEYS_COOLDOWN", Some("30s"), "duration, 1s to 10m", SHOWN,
        "Least time between two fetches for the sake of unknown keys, which anybody can make up.";
    TOKENS_KEYS_KEEP: "tokens.keys_keep", "INSFORGE_SIDECAR_TOKENS_KEYS_KEEP", Some("24h"), "duration, 1m to 720h", SHOWN,
        "How long the last keys are used while a provider cannot be reached; the same for `insforge.login()` while no sidecar runs.";
    TOKENS_PER_ADDRESS: "tokens.per_address_per_minute", "INSFORGE_SIDECAR_TOKENS_PER_ADDRESS_PER_MINUTE", Some("600"), "whole number, 0 to 1000000", SHOWN,
        "Requests from one address, a sixth of them at once; 0 is no limit. A network of IPv6 (/64) is one address.";
    TOKENS_PER_SUBJECT: "tokens.per_subject_per_minute", "INSFORGE_SIDECAR_TOKENS_PER_SUBJECT_PER_MINUTE", Some("30"), "whole number, 0 to 1000000", SHOWN,
        "Exchanges of one user, ten or a sixth of them at once; 0 is no limit.";
    FACILITATOR_LISTEN: "facilitator.listen", "INSFORGE_SIDECAR_FACILITATOR_LISTEN", Some("off"), "address and port, or `off`", SHOWN,
        "Listener for `POST /verify`, `POST /settle` and `GET /supported`: the sidecar as a facilitator for x402 middlewares.";
    FACILITATOR_TOKEN: "facilitator.token", "INSFORGE_SIDECAR_FACILITATOR_TOKEN", None, "text", SECRET,
        "Bearer token that middlewares send. Without one only programs on this machine are answered.";
    FACILITATOR_PAYEES: "facilitator.payees", "INSFORGE_SIDECAR_FACILITATOR_PAYEES", None, "addresses, comma separated", SHOWN,
        "Who may be paid. Default: `payment.recipient`.";
    FACILITATOR_ASSETS: "facilitator.assets", "INSFORGE_SIDECAR_FACILITATOR_ASSETS", Some("USDG,USDT0"), "tokens, comma separated", SHOWN,
        "What may be paid with: symbols or contracts on X Layer, or `eip155:8453/USDC` for another chain.";
    FACILITATOR_PRICES: "facilitator.prices", "INSFORGE_SIDECAR_FACILITATOR_PRICES", None, "prices in tokens, comma separated, or `any`", SHOWN,
        "The prices that are settled for. Some middlewares hand on the buyer's copy of the offer; the list keeps a buyer from naming the price. `any` is for middlewares that compare it with their own.";
    FACILITATOR_WAIT: "facilitator.wait", "INSFORGE_SIDECAR_FACILITATOR_WAIT", Some("25s"), "duration, 10ms to 2m", SHOWN,
        "How long `/settle` waits for the outcome before it answers `settlement_pending`. SDKs give up after 30s.";
    FACILITATOR_REPLAY: "facilitator.replay_window", "INSFORGE_SIDECAR_FACILITATOR_REPLAY_WINDOW", Some("60s"), "duration, 0s to 1h", SHOWN,
        "How long a payment verifies again after its success was first told, so that an answer lost on the way can be fetched again.";
    FACILITATOR_VERIFY_REMOTE: "facilitator.verify_remote", "INSFORGE_SIDECAR_FACILITATOR_VERIFY_REMOTE", Some("false"), "`true` or `false`", SHOWN,
        "Whether `/verify` asks OKX about every payment, balance included, and not only about signatures that cannot be checked offline. Counts against `okx.requests_per_second`.";
    FACILITATOR_CONNECTIONS: "facilitator.max_connections", "INSFORGE_SIDECAR_FACILITATOR_MAX_CONNECTIONS", Some("1024"), "whole number, 1 to 100000", SHOWN,
        "Connections at once; one more is answered 503.";
    FACILITATOR_HEAD_TIMEOUT: "facilitator.head_timeout", "INSFORGE_SIDECAR_FACILITATOR_HEAD_TIMEOUT", Some("10s"), "duration, 100ms to 2m", SHOWN,
        "Time for a request's head, the same again for its body, and for idling between two requests.";
    GATEWAY_LISTEN: "gateway.listen", "INSFORGE_SIDECAR_GATEWAY_LISTEN", Some("off"), "address and port, or `off`", SHOWN,
        "Listener of the gateway, which sells the endpoints of `gateway.route`.";
    GATEWAY_PUBLIC_URL: "gateway.public_url", "INSFORGE_SIDECAR_GATEWAY_PUBLIC_URL", None, "URL", SHOWN,
        "Scheme and host that buyers use, such as `https://api.example.com`. Default: what a request's `Host` says.";
    GATEWAY_ALLOW_ORIGIN: "gateway.allow_origin", "INSFORGE_SIDECAR_GATEWAY_ALLOW_ORIGIN", None, "origin, or `*`", SHOWN,
        "Origin whose pages may buy (CORS). Default: none.";
    GATEWAY_CONNECTIONS: "gateway.max_connections", "INSFORGE_SIDECAR_GATEWAY_MAX_CONNECTIONS", Some("1024"), "whole number, 1 to 100000", SHOWN,
        "Connections at once; one more is answered 503.";
    GATEWAY_HEAD_TIMEOUT: "gateway.head_timeout", "INSFORGE_SIDECAR_GATEWAY_HEAD_TIMEOUT", Some("10s"), "duration, 100ms to 2m", SHOWN,
        "Time for a request's head, and for idling between two requests.";
    GATEWAY_WRITE_TIMEOUT: "gateway.write_timeout", "INSFORGE_SIDECAR_GATEWAY_WRITE_TIMEOUT", Some("30s"), "duration, 100ms to 10m", SHOWN,
        "How long a client may leave the next piece of an answer untaken; then it is cut off.";
    GATEWAY_ROUTES: "gateway.route", "INSFORGE_SIDECAR_GATEWAY_ROUTES", None, "tables `[[gateway.route]]`, or a JSON array", SHOWN,
        "What is served, and for how much: docs/selling.md.";
    HTTP_LISTEN: "http.listen", "INSFORGE_SIDECAR_LISTEN", Some("127.0.0.1:9464"), "address and port, or `off`", SHOWN,
        "Listener for `/healthz`, `/readyz` and `/metrics`.";
}
