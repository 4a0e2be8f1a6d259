use super::Settings;
use super::measure::{Dealt, Found};
use crate::bench::report::{Report, Table};

/// Tables, targets and notes.
pub(super) fn describe(report: &mut Report, settings: &Settings, found: &Found, node: Option<&str>) {
    let title = format!(
        "{} tokens a run, {} connections",
        settings.tokens, settings.connections
    );
    let mut table = Table::new(
        title,
        &["tokens/s", "× jose", "p50 ms", "p99 ms", "CPU µs", "of Postgres"],
    );
    row(&mut table, "sidecar, a user", &found.user, &found.jose_user);
    row(
        &mut table,
        "sidecar, a user and an organisation",
        &found.organisation,
        &found.jose_organisation,
    );
    if let Some(version) = node {
        let peer = format!("jose 6.2.18, Node {version}");
        row(
            &mut table,
            &format!("{peer}, a user"),
            &found.jose_user,
            &found.jose_user,
        );
        row(
            &mut table,
            &format!("{peer}, a user and an organisation"),
            &found.jose_organisation,
            &found.jose_organisation,
        );
        for (what, ours, theirs) in [
            ("tokens of a user, × jose", &found.user, &found.jose_user),
            (
                "tokens of a user and an organisation, × jose",
                &found.organisation,
                &found.jose_organisation,
            ),
        ] {
            let ratio = ours.rate.paired(&theirs.rate, |ours, theirs| ours / theirs);
            report.at_least(what, ratio.median(), 3.0, " ×");
        }
    } else {
        report.note("Node is not installed: jose was left out.");
    }
    report.table(table);
    let mut table = Table::new("insforge.login() in one backend", &["logins/s"]);
    table.row(
        "one statement over all tokens",
        [found.logins.scan.clone().into()],
    );
    table.row("one statement for each", [found.logins.calls.clone().into()]);
    report.table(table);
    report.note(
        "RS256 tokens in Auth0's shape, keys cached, loopback, every token once. The sidecar asks the database \
         about every token before it answers (is the user revoked, the provider disabled) and commits what a \
         token shows of an organisation; the Node server, one process, verifies and mints and asks nobody. \
         Clients, servers and Postgres share the processors; processor time is for each token, the server's own \
         and that of Postgres.",
    );
}

fn row(table: &mut Table, label: &str, dealt: &Dealt, jose: &Dealt) {
    let ratio = dealt.rate.paired(&jose.rate, |ours, theirs| ours / theirs);
    table.row(
        label,
        [
            dealt.rate.clone().into(),
            ratio.into(),
            dealt.p50.clone().into(),
            dealt.p99.clone().into(),
            dealt.own.clone().into(),
            dealt.postgres.clone().into(),
        ],
    );
}
