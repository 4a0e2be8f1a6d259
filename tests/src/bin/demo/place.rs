use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use insforge_tests::cluster::{Cluster, Database, Options, Template};
use insforge_tests::process::Process;
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::standin::Credentials;

use crate::story::Cast;
use crate::teller::Teller;

const START: Duration = Duration::from_secs(30);

/// Where the story plays: cluster, facilitator, sidecar. They go when this value goes.
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) sidecar: Sidecar,
    standin: Option<Process>,
    facilitator: String,
}

impl Place {
    pub(crate) async fn build(teller: &Teller, cast: &Cast) -> Result<Place> {
        let cluster = teller
            .step("Starting a throw-away Postgres as an unprivileged user", async {
                let cluster = tokio::task::block_in_place(|| Cluster::start(&Options::default()))?;
                let server = &cluster.server;
                let outcome = format!("version {}, port {}", server.installation.major, server.port);
                Ok((cluster, outcome))
            })
            .await?;
        let database = teller
            .step(
                "CREATE EXTENSION insforge_integrations; SELECT insforge.grant_sidecar('sidecar')",
                async {
                    let database = Database::create_in(cluster, Template::Extension).await?;
                    let outcome = format!("database {}", database.name);
                    Ok((database, outcome))
                },
            )
            .await?;
        let (standin, facilitator) = match &cast.okx {
            Some(okx) => (None, okx.base_url.clone()),
            None => {
                let (process, url) = teller
                    .step("Starting the stand-in for OKX and X Layer", standin())
                    .await?;
                (Some(process), url)
            }
        };
        let plan = plan(&database, cast, &facilitator)?;
        let starting = async {
            let sidecar = plan.start().await?;
            let outcome = format!("ready at {}", sidecar.url("/readyz"));
            Ok((sidecar, outcome))
        };
        let sidecar = teller.step("Starting insforge-sidecar", starting).await?;
        Ok(Place {
            database,
            sidecar,
            standin,
            facilitator,
        })
    }

    /// Says how to look around.
    pub(crate) fn invite(&self) {
        println!("\nEverything keeps running. Look around:");
        println!("  {}", self.database.server().psql(&self.database.name));
        println!("  curl {}", self.sidecar.url("/metrics"));
        if self.standin.is_some() {
            println!("  curl {}/_standin/transfers", self.facilitator);
        }
        println!("Ctrl-C stops and removes all of it.");
    }
}

async fn standin() -> Result<((Process, String), String)> {
    const ANNOUNCEMENT: &str = "listening on ";
    let own = std::env::current_exe()?;
    let process = Process::spawn(Command::new(own.with_file_name("standin")))?;
    process.log().wait_for(START, ANNOUNCEMENT).await?;
    let lines = process.log().lines();
    let url = lines.iter().find_map(|line| line.strip_prefix(ANNOUNCEMENT));
    let url = url
        .context("the stand-in does not say where it listens")?
        .to_owned();
    Ok(((process, url.clone()), url))
}

fn plan(database: &Database, cast: &Cast, facilitator: &str) -> Result<Plan> {
    let known = Credentials::default();
    let known = cast.okx.as_ref().map_or(&known, |okx| &okx.credentials);
    let plan = Plan::new(&database.sidecar_url())?.set("OKX_BASE_URL", facilitator);
    let plan = plan
        .set("OKX_API_KEY", &known.key)
        .set("OKX_SECRET_KEY", &known.secret);
    let plan = plan.set("OKX_PASSPHRASE", &known.passphrase);
    let rpc = match &cast.okx {
        Some(okx) => okx.rpc_urls.clone(),
        None => Some(format!("{facilitator}/rpc/demo")),
    };
    // OKX publishes no quota; its own tests stay below one request a second.
    let plan = if cast.okx.is_some() {
        plan.set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "1")
    } else {
        plan
    };
    Ok(rpc.map_or(plan.clone(), |rpc| plan.set("XLAYER_RPC_URLS", &rpc)))
}
