//! `insforge-sidecar token …`

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use insforge_protocol::jwt::Token;

use super::{complain, print};
use crate::app;
use crate::config::{self, Settings, TokenSettings};
use crate::db::{Connector, PgRegistrar, Pool};
use crate::metrics::Metrics;
use crate::tasks::TaskGroup;
use crate::tokens::{Refused, Verifier, explain};

/// Longest input that is read; anything beyond is no token.
const MAX_INPUT: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Say check by check what is right and wrong with a token; ends 1 if it would be refused. Fetches the
    /// provider's keys, needs neither database nor secret.
    Verify(Asked),
    /// Exchange a token as POST /token would, and print the answer; ends 1 and says why if it is refused.
    Exchange(Asked),
}

#[derive(Debug, Args)]
pub(super) struct Asked {
    /// File with the token; standard input if none is named.
    token: Option<PathBuf>,
    /// TOML file; the environment wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

type Failure = Box<dyn std::fmt::Display>;

pub(super) fn execute(command: &TokenCommand) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let done = match command {
        TokenCommand::Verify(asked) => runtime.block_on(verify(asked)),
        TokenCommand::Exchange(asked) => runtime.block_on(exchange(asked)),
    };
    done.unwrap_or_else(|error| complain(&error))
}

async fn verify(asked: &Asked) -> Result<ExitCode, Failure> {
    let raw = config::read(asked.config.as_deref()).map_err(boxed)?;
    let settings = TokenSettings::from_raw(&raw)
        .map_err(boxed)?
        .ok_or_else(no_providers)?;
    let token = read(asked)?;
    let verifier = app::verifier(&settings, &Arc::default()).map_err(boxed)?;
    print(&explain(&verifier, &token).await);
    match judge(&verifier, &token).await {
        Ok(user_id) => Ok(print(&format!("accepted: user id {user_id:?}\n"))),
        Err(refused) => Err(refusal(&refused)),
    }
}

async fn judge(verifier: &Verifier, text: &str) -> Result<String, Refused> {
    let token = Token::parse(text)?;
    let (_, verified) = verifier.verify(&token).await?;
    Ok(verified.identity.user_id)
}

async fn exchange(asked: &Asked) -> Result<ExitCode, Failure> {
    let (_, settings) = config::load(asked.config.as_deref()).map_err(boxed)?;
    let tokens = settings.tokens.clone().ok_or_else(no_providers)?;
    let secret = tokens.secret.clone().ok_or_else(no_providers)?;
    let token = read(asked)?;
    let tasks = TaskGroup::default();
    let registrar = Arc::new(registrar(&settings, &tokens, &tasks)?);
    let metrics = Arc::<Metrics>::default();
    let exchange = app::exchange(&tokens, secret, registrar, tasks.clone(), metrics).map_err(boxed)?;
    for provider in &exchange.verifier.providers {
        // What could not be fetched is refused below, by name.
        let _ = provider.keys.refresh().await;
    }
    let granted = exchange.exchange(&token, None).await;
    tasks.abort().await;
    match granted {
        Ok(granted) => Ok(print(&format!("{:#}\n", granted.body()))),
        Err(refused) => {
            print(&explain(&exchange.verifier, &token).await);
            Err(refusal(&refused))
        }
    }
}

fn registrar(settings: &Settings, tokens: &TokenSettings, tasks: &TaskGroup) -> Result<PgRegistrar, Failure> {
    let connector = Connector::new(&settings.database, "token").map_err(boxed)?;
    let limit = settings.database.query_timeout;
    let pool = Pool::new(connector, 1, limit, Arc::default(), tasks.clone()).map_err(boxed)?;
    Ok(PgRegistrar::new(pool, tokens.membership_ttl))
}

fn read(asked: &Asked) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match &asked.token {
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(MAX_INPUT).read_to_string(&mut text))
        }
        None => std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text),
    };
    read.map_err(|error| boxed(format!("the token cannot be read: {error}")))?;
    Ok(text.trim().to_owned())
}

fn refusal(refused: &Refused) -> Failure {
    boxed(format!("refused: {}: {refused}", refused.name()))
}

fn no_providers() -> Failure {
    boxed(
        "no provider is configured; add [tokens.providers.NAME] to the file named by --config, see docs/providers",
    )
}

fn boxed(error: impl std::fmt::Display + 'static) -> Failure {
    Box::new(error)
}
