use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::case::{Case, Trial};
use super::parties::{CLIENTS, Home, Money, SHOPS};
use super::program::Program;
use super::scene::{PAYEE, Scene, Wait};
use super::table::Table;
use super::tap::Tap;
use super::tools::Tools;

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Only cases whose name holds this.
    pub only: Option<String>,
    /// Leave out what is written in Rust: it has to be built.
    pub without_rust: bool,
}

/// What came of it.
pub struct Outcome {
    /// The page with the tables, if no case failed.
    pub page: Option<String>,
    /// Cases that came out as they should.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// Cases that were left out.
    pub left_out: usize,
}

/// A seller: the gateway, or a program with a middleware.
struct Seller {
    name: &'static str,
    tap: Tap,
    _program: Option<Program>,
}

/// Runs every case; a line about each goes to `say`. `known` is the page so far.
///
/// # Errors
/// The suite itself cannot run. A case that fails is counted, not an error.
pub async fn run(
    root: &Path,
    target: &Path,
    known: &str,
    settings: &Settings,
    say: fn(&str),
) -> Result<Outcome> {
    let tools = Tools::ready(root, target, !settings.without_rust).await?;
    let mut scene = Scene::start(&tools).await?;
    scene.open(Wait::Default).await?; // middlewares ask it what it supports when they start
    let mut buyers = Vec::new();
    for client in CLIENTS {
        let mut program = client.party.start(&tools, &[])?;
        if let Some(program) = &mut program {
            program.message().await?;
        }
        buyers.push(program);
    }
    let sellers = open_shops(&scene, &tools).await?;
    let mut run = Run {
        settings,
        say,
        table: impossible_ones(),
        outcome: Outcome {
            page: None,
            passed: 0,
            failed: 0,
            left_out: 0,
        },
        number: 0,
    };
    for (wait, trials) in ROUNDS {
        scene.open(wait).await?;
        for (column, seller) in sellers.iter().enumerate() {
            for (row, buyer) in buyers.iter_mut().enumerate() {
                for trial in trials {
                    run.one(&scene, (row, buyer.as_mut()), (column, seller.as_ref()), trial)
                        .await?;
                }
            }
        }
    }
    let sums = scene.compare_the_sums().await;
    run.count("what the payee has, and the sum of the ledger", sums);
    let Run {
        table, mut outcome, ..
    } = run;
    if outcome.failed == 0 {
        outcome.page = Some(table.text(root, known)?);
    }
    Ok(outcome)
}

async fn open_shops(scene: &Scene, tools: &Tools) -> Result<Vec<Option<Seller>>> {
    let mut sellers = vec![Some(Seller {
        name: "gateway",
        tap: Tap::start(scene.gateway).await?,
        _program: None,
    })];
    let url = format!("http://{}", scene.facilitator);
    for shop in SHOPS {
        let environment = [("FACILITATOR_URL", url.as_str()), ("PAYEE", PAYEE)];
        let Some(mut program) = shop.start(tools, &environment)? else {
            sellers.push(None);
            continue;
        };
        let said = program.message().await?;
        let port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.with_context(|| format!("{} says {said}", shop.name))?;
        sellers.push(Some(Seller {
            name: shop.name,
            tap: Tap::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?,
            _program: Some(program),
        }));
    }
    Ok(sellers)
}

/// What is done with each pair, and how long a sidecar waits meanwhile. Between two lost answers one arrives: after
/// five lost in a row the sidecar would rest, as it should.
const ROUNDS: [(Wait, [Trial; 2]); 2] = [
    (Wait::Default, [Trial::Plain, Trial::Lost]),
    (Wait::Short, [Trial::Between, Trial::Open]),
];

/// Why a client cannot buy from a middleware, and how it says so. Tried in every run: a version that has
/// learnt it makes the run fail, and this is to be changed.
fn cannot(row: usize, column: usize) -> Option<(&'static str, &'static str)> {
    let (client, shop) = (&CLIENTS[row], SHOPS.get(column.checked_sub(1)?)?);
    let sells_v1 = shop.home == Home::Rust;
    match client.party.program {
        "buyers/v1.mjs" if !sells_v1 => Some((
            "The middleware sells in v2 only: its 402 has no v1 offer in the body, and a v1 client reads nothing else.",
            "reading 'map'",
        )),
        "buyers/insforge.mjs" => Some((
            "The middleware sells in v2 only: its offer has `amount` and no `maxAmountRequired`, which the code of InsForge's \
             guide reads.",
            "maxAmountRequired",
        )),
        _ => None,
    }
}

fn impossible_ones() -> Table {
    let mut table = Table::new();
    for row in 0..CLIENTS.len() {
        for column in 0..=SHOPS.len() {
            if let Some((why, _)) = cannot(row, column) {
                table.cannot(row, column, why);
            }
        }
    }
    table
}

struct Run<'a> {
    settings: &'a Settings,
    say: fn(&str),
    table: Table,
    outcome: Outcome,
    number: usize,
}

impl Run<'_> {
    async fn one(
        &mut self,
        scene: &Scene,
        (row, buyer): (usize, Option<&mut Program>),
        (column, seller): (usize, Option<&Seller>),
        trial: Trial,
    ) -> Result<()> {
        let client = &CLIENTS[row];
        let (Some(buyer), Some(seller)) = (buyer, seller) else {
            self.outcome.left_out += 1;
            return Ok(());
        };
        let impossible = cannot(row, column);
        if impossible.is_some() && trial != Trial::Plain {
            return Ok(());
        }
        let what = match (trial, impossible) {
            (_, Some(_)) => "cannot buy",
            (Trial::Plain, None) => "buys",
            (Trial::Between, None) => "buys from a hasty seller",
            (Trial::Lost, None) => "buys, the answer lost",
            (Trial::Open, None) => "buys, told that it is open",
        };
        let name = format!("{} from {}: {what}", client.party.name, seller.name);
        if self
            .settings
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            self.outcome.left_out += 1;
            return Ok(());
        }
        self.number += 1;
        // Middlewares with v1 offers have them on a path of their own.
        let shop = column.checked_sub(1).map(|shop| &SHOPS[shop]);
        let in_v1 = client.money == Money::Base && shop.is_some_and(|shop| shop.home == Home::Rust);
        let folder = if in_v1 { "v1" } else { "report" };
        let case = Case {
            client,
            tap: &seller.tap,
            path: format!("/{folder}/{}", self.number),
            resource: format!("report {}", self.number),
            trial,
        };
        let started = Instant::now();
        let ended = match impossible {
            Some((_, sign)) => case.refuse(scene, buyer, sign).await,
            None => case
                .run(scene, buyer)
                .await
                .map(|statuses| self.table.bought(trial, row, column, statuses)),
        };
        if ended.is_err() {
            // Whatever this case left behind is not the next one's.
            scene.chain.light().await?;
        }
        let failed = ended.is_err();
        self.count(&format!("{name} ({} ms)", started.elapsed().as_millis()), ended);
        ensure!(
            !failed || self.outcome.failed < 20,
            "too many failures; the sidecar's log:\n{}",
            scene.log()
        );
        Ok(())
    }

    fn count(&mut self, name: &str, ended: Result<()>) {
        match ended {
            Ok(()) => {
                self.outcome.passed += 1;
                (self.say)(&format!("test {name} ... ok"));
            }
            Err(error) => {
                self.outcome.failed += 1;
                (self.say)(&format!("test {name} ... FAILED\n    {error:#}"));
            }
        }
    }
}
