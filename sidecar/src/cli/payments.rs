//! `insforge-sidecar payments …`

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use insforge_protocol::evm::{self, Address};
use insforge_protocol::ledger::Status;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{complain, print};
use crate::config::{self, DatabaseSettings};
use crate::db::{Action, Desk, Filter, Listed, Shown};
use crate::operate::{age, export, person, table};

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// List payments, the newest first.
    List {
        #[command(flatten)]
        which: Which,
        /// Most payments listed.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Show one payment and its life, a sentence for each event.
    Show {
        /// The payment.
        id: Uuid,
        #[command(flatten)]
        form: Form,
    },
    /// Number and sum of payments by status and token.
    Stats(Form),
    /// Have open payments looked at now; those in review go back to reconciliation.
    Retry(Decide),
    /// Withdraw payments that were never sent.
    Cancel(Decide),
    /// Give open payments up: they become failed. Money that arrives all the same brings them to review.
    WriteOff(Decide),
    /// Take the evidence of payments in review for good: they become settled.
    Accept(Decide),
    /// Write payments to standard output, the oldest first, all from one snapshot.
    Export {
        #[command(flatten)]
        which: Which,
        /// Form of the output.
        #[arg(long, value_enum, default_value_t = Output::Csv)]
        format: Output,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only with this status; may be given several times, or several separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<Status>,
    /// Only recorded longer ago than this: 90s, 10m, 2h, 7d.
    #[arg(long, value_parser = age::read)]
    older_than: Option<Duration>,
    /// Only paid by this address.
    #[arg(long, value_parser = address)]
    payer: Option<Address>,
}

#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The payments.
    #[arg(required = true)]
    ids: Vec<Uuid>,
    /// Why; it becomes part of the payment's events.
    #[arg(long, value_parser = reason)]
    reason: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
pub(super) struct Form {
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, Args)]
pub(super) struct File {
    /// TOML file; the environment wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Output {
    /// Comma separated values with a header line.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

type Failure = Box<dyn std::fmt::Display>;

pub(super) fn execute(command: PaymentsCommand) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let done = runtime.block_on(carry_out(command));
    done.unwrap_or_else(|error| complain(&error))
}

async fn carry_out(command: PaymentsCommand) -> Result<ExitCode, Failure> {
    match command {
        PaymentsCommand::List { which, limit, form } => {
            let listed = desk(&form.file)
                .await?
                .list(&filter(which), limit)
                .await
                .map_err(boxed)?;
            Ok(if form.json {
                print_json(&listed.into_iter().map(|one| one.row).collect())
            } else {
                print(&list(&listed))
            })
        }
        PaymentsCommand::Show { id, form } => match desk(&form.file).await?.show(id).await.map_err(boxed)? {
            Some(shown) if form.json => Ok(print_json(&shown_json(&shown))),
            Some(shown) => Ok(print(&life(&shown))),
            None => Err(boxed(format!("there is no payment {id}"))),
        },
        PaymentsCommand::Stats(form) => {
            let stats = desk(&form.file).await?.stats().await.map_err(boxed)?;
            Ok(if form.json {
                print_json(&stats.into())
            } else {
                print(&sums(&stats))
            })
        }
        PaymentsCommand::Retry(decide) => act(Action::Retry, decide).await,
        PaymentsCommand::Cancel(decide) => act(Action::Cancel, decide).await,
        PaymentsCommand::WriteOff(decide) => act(Action::WriteOff, decide).await,
        PaymentsCommand::Accept(decide) => act(Action::Accept, decide).await,
        PaymentsCommand::Export { which, format, file } => write_out(&filter(which), format, &file).await,
    }
}

/// Each payment by itself: one that cannot be changed does not hold up the others.
async fn act(action: Action, decide: Decide) -> Result<ExitCode, Failure> {
    let desk = desk(&decide.form.file).await?;
    let who = person::name();
    let mut done = Vec::new();
    let mut refused = false;
    for id in decide.ids {
        match desk.act(action, id, &decide.reason, &who).await {
            Ok(status) => {
                if !decide.form.json {
                    print(&format!("{id} is {status} now\n"));
                }
                done.push(json!({ "id": id, "status": status }));
            }
            Err(error) => {
                refused = true;
                complain(&format!("{id}: {error}"));
                done.push(json!({ "id": id, "error": error.to_string() }));
            }
        }
    }
    if decide.form.json {
        print_json(&done.into());
    }
    Ok(ExitCode::from(u8::from(refused)))
}

async fn write_out(filter: &Filter, format: Output, file: &File) -> Result<ExitCode, Failure> {
    let desk = desk(file).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match format {
        Output::Csv => {
            let pieces = desk.export_csv(filter).await.map_err(boxed)?;
            export::pieces(pieces, &mut out).await.map_err(boxed)?;
        }
        Output::Jsonl => {
            let rows = desk.export_json(filter).await.map_err(boxed)?;
            export::json_lines(rows, &mut out).await.map_err(boxed)?;
        }
    }
    out.flush().map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}

/// Needs the database's settings and nothing else: an operator's machine has no keys of OKX.
async fn desk(file: &File) -> Result<Desk, Failure> {
    let raw = config::read(file.config.as_deref()).map_err(boxed)?;
    let settings = DatabaseSettings::from_raw(&raw).map_err(boxed)?;
    Desk::open(&settings).await.map_err(boxed)
}

fn filter(which: Which) -> Filter {
    Filter {
        statuses: which.status,
        older_than: which.older_than,
        payer: which.payer,
    }
}

fn list(listed: &[Listed]) -> String {
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            let cell = |member| table::text(&one.row, member);
            let status = if one.row["mock"] == true {
                cell("status") + " (mock)"
            } else {
                cell("status")
            };
            let amount = table::amount(&cell("network"), &cell("asset"), &cell("value"));
            vec![
                cell("id"),
                status,
                age::show(one.age),
                amount,
                cell("payer"),
                cell("tx_hash"),
                cell("reason"),
            ]
        })
        .collect();
    table::columns(
        &["ID", "STATUS", "AGE", "AMOUNT", "PAYER", "TRANSACTION", "REASON"],
        &rows,
    )
}

fn life(shown: &Shown) -> String {
    let cell = |member| table::text(&shown.row, member);
    let mut rows = vec![vec![
        "amount".to_owned(),
        table::amount(&cell("network"), &cell("asset"), &cell("value")),
    ]];
    for (object, prefix) in [(&shown.row, ""), (&shown.row["queue"], "queue: ")] {
        for (name, value) in object.as_object().into_iter().flatten() {
            if !value.is_null() && !value.is_object() {
                rows.push(vec![format!("{prefix}{name}"), table::text(object, name)]);
            }
        }
    }
    let mut text = table::columns(&["", ""], &rows).trim_start().to_owned() + "\n";
    for (at, sentence, _) in &shown.events {
        text += &format!("{at}  {}\n", table::plain(sentence));
    }
    text
}

fn shown_json(shown: &Shown) -> Value {
    let events: Vec<_> = shown
        .events
        .iter()
        .map(|(at, sentence, evidence)| json!({ "at": at, "sentence": sentence, "evidence": evidence }))
        .collect();
    json!({ "payment": shown.row, "events": events })
}

fn sums(stats: &[Value]) -> String {
    let rows: Vec<_> = stats
        .iter()
        .map(|row| {
            let cell = |member| table::text(row, member);
            let mock = if row["mock"] == true { "mock" } else { "" };
            let amount = table::amount(&cell("network"), &cell("asset"), &cell("value"));
            vec![
                cell("status"),
                cell("payments"),
                amount,
                cell("network"),
                cell("oldest"),
                mock.to_owned(),
            ]
        })
        .collect();
    table::columns(&["STATUS", "PAYMENTS", "SUM", "NETWORK", "OLDEST", ""], &rows)
}

fn print_json(value: &Value) -> ExitCode {
    print(&format!("{value:#}\n"))
}

fn boxed(error: impl std::fmt::Display + 'static) -> Failure {
    Box::new(error)
}

fn status(given: &str) -> Result<Status, String> {
    given.parse().map_err(|_| {
        let words: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("write one of {}", words.join(", "))
    })
}

fn address(given: &str) -> Result<Address, String> {
    evm::address(given).ok_or_else(|| "write 0x and 40 hex digits".to_owned())
}

fn reason(given: &str) -> Result<String, String> {
    match given.trim() {
        "" => Err("say why".to_owned()),
        reason => Ok(reason.to_owned()),
    }
}
