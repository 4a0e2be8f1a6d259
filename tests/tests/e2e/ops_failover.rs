//! A promoted standby is followed without anybody doing anything.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use insforge_tests::cluster::{Cluster, Database, Options, Server, Template};
use insforge_tests::ledger::Watch;
use insforge_tests::process::Process;
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::StandIn;
use insforge_tests::wait::wait_until;
use tokio_postgres::{Client, NoTls};

use crate::scene::{SOON, Scene};

/// A streaming standby of a cluster; it ends with this value, and its files go with the cluster's folder.
struct Standby {
    _process: Process,
    port: u16,
}

impl Standby {
    async fn of(primary: &Server) -> Result<Standby> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let data = primary.dir.join("standby");
        let mut backup = unprivileged(primary.installation.program("pg_basebackup"))?;
        backup.args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &primary.port.to_string(),
        ]);
        backup
            .args(["-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-D"])
            .arg(&data);
        let output = tokio::task::spawn_blocking(move || backup.output()).await??;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut server = unprivileged(primary.installation.program("postgres"))?;
        server
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-k"])
            .arg(&data);
        let standby = Standby {
            _process: Process::spawn(server)?,
            port,
        };
        wait_until(SOON, "the standby answers", || async {
            standby.client("postgres").await.map(Some)
        })
        .await?;
        Ok(standby)
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    async fn client(&self, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// A program as a user that Postgres agrees to run as.
fn unprivileged(program: PathBuf) -> Result<Command> {
    let id = Command::new("id").arg("-u").output().context("`id -u` not run")?;
    let mut command = if id.stdout.trim_ascii() == b"0" {
        let mut setpriv = Command::new("setpriv");
        setpriv
            .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
            .arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command.env("LC_ALL", "C").current_dir("/");
    Ok(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_followed_and_a_payment_from_before_is_known_there() -> Result<()> {
    let cluster = Cluster::start(&Options::default())?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let name = database.name.clone();
    let standby = Standby::of(&cluster.server).await?;
    let mut scene = Scene {
        watch: Watch::payments(&database.url()).await?,
        database,
        standin: StandIn::start().await?,
    };
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", cluster.server.port, standby.port);
    let url = format!("postgres://sidecar@{hosts}/{name}?sslmode=disable&target_session_attrs=read-write");
    let plan = Plan::settling(&url, &scene.standin)?.set("INSFORGE_SIDECAR_DATABASE_CONNECT_TIMEOUT", "1s");
    // The shared limit is an unlogged table: on the new primary it starts empty.
    let plan = plan.set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "100");
    let sidecar = plan.start().await?;
    let (before, before_id) = scene.pay().await?;
    scene.settled(&before, before_id).await?;
    let copy = standby.client(&name).await?;
    let replayed = || async {
        let settled = "SELECT count(*) FROM x402_payments WHERE status = 'settled'";
        let count: i64 = copy.query_one(settled, &[]).await?.get(0);
        Ok((count == 1).then_some(()))
    };
    wait_until(SOON, "the standby has it as well", replayed).await?;

    tokio::task::block_in_place(|| cluster.server.crash())?;
    sidecar.unready(SOON).await?;
    copy.execute("SELECT pg_promote(wait => true)", &[]).await?;
    sidecar.ready(Duration::from_secs(30)).await?;

    scene.watch = Watch::payments(&standby.url(&name)).await?;
    let (after, after_id) = scene.pay().await?;
    scene.settled(&after, after_id).await?;
    assert_eq!(
        scene.submit(&before).await?,
        before_id,
        "the same payment is the same row there"
    );
    assert_eq!(scene.standin.chain().transfers().len(), 2);
    assert!(sidecar.process().ended()?.is_none(), "the same process all along");
    Ok(())
}
