//! A worker that has brought a payment to a phase and no further.

use std::time::Duration;

use anyhow::{Context, Result};
use insforge_tests::buyer::Signed;
use insforge_tests::cluster::{Database, Template};
use insforge_tests::ledger;
use insforge_tests::proxy::Proxy;
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::standin::{Call, Fault, Rule};
use insforge_tests::wait::wait_until;
use uuid::Uuid;

use crate::phase::{Judge, Phase};
use crate::scene::Scene;

/// Longest wait for anything: leases of two seconds and pauses of five, on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(45);
/// Opens the way to the effect (phase D).
const EFFECT: &str = "effect";
/// Opens the way to the answer (phase E).
const ANSWER: &str = "answer";

/// The ledger leaves every payment to the worker's judgement.
const UNJUDGED: &str = "
  CREATE OR REPLACE FUNCTION x402.claim_to_settle(worker text, batch integer, lease interval)
  RETURNS TABLE (id uuid, lease_token bigint, begun boolean, attempt integer, uncertain boolean, tx_hash text,
    payment jsonb, requirements jsonb, now_unix bigint, created_unix bigint)
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
  'SELECT id, lease_token, false, attempt, uncertain, tx_hash, payment, requirements, now_unix, created_unix
   FROM x402.claim(worker, batch, lease)'";

/// Where it is going to be played.
pub(crate) struct Place {
    pub(crate) scene: Scene,
    pub(crate) proxy: Proxy,
    /// More hosts of the database, as in a connection string.
    hosts: String,
    settings: Vec<(&'static str, String)>,
    fault: Fault,
    judge: Judge,
}

impl Place {
    /// In the cluster that all tests share.
    pub(crate) async fn new() -> Result<Place> {
        Place::on(Database::create(Template::Extension).await?).await
    }

    pub(crate) async fn on(database: Database) -> Result<Place> {
        let proxy = Proxy::start(database.server().port).await?;
        Ok(Place {
            scene: Scene::on(database).await?,
            proxy,
            hosts: String::new(),
            settings: Vec::new(),
            fault: Fault::default(),
            judge: Judge::Ledger,
        })
    }

    /// A setting of every sidecar there.
    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Place {
        self.settings.push((name, value.to_owned()));
        self
    }

    /// Another host of the database, beyond the proxy.
    pub(crate) fn or_host(mut self, port: u16) -> Place {
        self.hosts = format!(",127.0.0.1:{port}");
        self
    }

    /// Workers record the intents.
    pub(crate) fn judged_by_workers(mut self) -> Place {
        self.judge = Judge::Worker;
        self
    }

    /// What goes wrong with the first call.
    pub(crate) fn fault(mut self, fault: Fault) -> Place {
        self.fault = fault;
        self
    }

    /// A sidecar with short leases; nothing but the payment's own attempt and its reconciliation moves it.
    fn plan(&self, name: &str, address: &str) -> Result<Plan> {
        let url = format!(
            "postgres://sidecar@{address}/{}?sslmode=disable&target_session_attrs=read-write",
            self.scene.database.name
        );
        let plan = self
            .scene
            .plan_with_chain(&["one", "two"])?
            .set("DATABASE_URL", &url)
            .set("INSFORGE_SIDECAR_WORKER", name)
            .set("INSFORGE_SIDECAR_LEASE", "2s")
            .set("INSFORGE_SIDECAR_POLL_INTERVAL", "500ms")
            .set("INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT", "60s")
            .set("INSFORGE_SIDECAR_DATABASE_CONNECT_TIMEOUT", "1s")
            .set("INSFORGE_SIDECAR_OKX_TIMEOUT", "60s")
            .set("INSFORGE_SIDECAR_SCAN_INTERVAL", "1h")
            .set("INSFORGE_SIDECAR_FINALITY_INTERVAL", "1h")
            .set("INSFORGE_SIDECAR_RECONCILE_PATIENCE", "1s");
        let with = |plan: Plan, (name, value): &(&str, String)| plan.set(name, value);
        Ok(self.settings.iter().fold(plan, with))
    }

    /// A sidecar that the proxy stands in front of.
    pub(crate) fn worker(&self) -> Result<Plan> {
        self.plan("one", &format!("{}{}", self.proxy.address, self.hosts))
    }

    /// Another sidecar, which nothing happens to.
    pub(crate) fn other(&self) -> Result<Plan> {
        self.plan("two", &format!("127.0.0.1:{}", self.scene.database.server().port))
    }

    /// Pays, and waits until the worker has come to `phase`.
    pub(crate) async fn at(mut self, phase: Phase) -> Result<Stage> {
        if phase == Phase::C && self.judge == Judge::Ledger {
            // A worker that has not heard of its claim prolongs nothing, and the facts are looked at before another
            // may take it.
            self.settings
                .insert(0, ("INSFORGE_SIDECAR_LEASE", "8s".to_owned()));
        }
        let worker = self.worker()?.start().await?;
        self.at_with(phase, worker).await
    }

    pub(crate) async fn at_with(self, phase: Phase, worker: Sidecar) -> Result<Stage> {
        let gate = |wanted, name: &str| (phase == wanted).then(|| name.to_owned());
        let fault = Fault {
            gate_before: gate(Phase::D, EFFECT),
            gate_after: gate(Phase::E, ANSWER),
            ..self.fault.clone()
        };
        let is_plain = self.fault == Fault::default();
        self.scene.standin.fault(Rule::once("settle", fault));
        let judge = if phase == Phase::B {
            Judge::Worker
        } else {
            self.judge
        };
        if judge == Judge::Worker {
            self.scene.watch.client().batch_execute(UNJUDGED).await?;
        }
        if let Some(point) = phase.point(judge) {
            self.proxy.stop_at(point);
        }
        let (signed, id) = self.scene.pay().await?;
        let mut stage = Stage {
            place: self,
            worker,
            signed,
            id,
            phase,
        };
        stage.arrived().await?;
        if is_plain {
            stage.check_facts().await?;
        }
        Ok(stage)
    }
}

/// The payment under way, its worker, and everything around them.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) worker: Sidecar,
    pub(crate) signed: Signed,
    pub(crate) id: Uuid,
    pub(crate) phase: Phase,
}

impl Stage {
    pub(crate) async fn at(phase: Phase) -> Result<Stage> {
        Place::new().await?.at(phase).await
    }

    async fn arrived(&self) -> Result<()> {
        let standin = &self.place.scene.standin;
        let arrived = match self.phase {
            Phase::D => {
                let sent = |calls: &[Call]| calls.iter().any(|call| call.target == "settle");
                standin.calls().wait(LONG, "the call", sent).await
            }
            Phase::E => {
                let moved = || async { Ok((self.transfers() > 0).then_some(())) };
                wait_until(LONG, "the transfer", moved).await
            }
            _ => self.place.proxy.stopped(LONG).await,
        };
        arrived.with_context(|| {
            format!(
                "{:?}: the worker's log:\n{}",
                self.phase,
                self.worker.log().text()
            )
        })
    }

    /// What is stopped is where the phase says.
    async fn check_facts(&mut self) -> Result<()> {
        let (statuses, calls, transfers) = self.phase.facts();
        let reached = self.place.scene.watch.status(self.id, statuses, LONG).await;
        let events = ledger::events(self.place.scene.watch.client(), self.id).await?;
        let found = || {
            format!(
                "{:?}: {events:#?}\nheld: {}\nthe worker's log:\n{}",
                self.phase,
                self.place.proxy.held(),
                self.worker.log().text()
            )
        };
        reached.with_context(found)?;
        assert_eq!(
            (self.calls(), self.transfers()),
            (calls, transfers),
            "{}",
            found()
        );
        Ok(())
    }

    pub(crate) fn calls(&self) -> usize {
        self.place
            .scene
            .standin
            .calls()
            .settles_of(self.signed.nonce())
            .len()
    }

    pub(crate) fn transfers(&self) -> usize {
        let chain = self.place.scene.standin.chain();
        chain.transfers_of(self.signed.nonce()).len()
    }

    /// The facilitator goes on.
    pub(crate) fn answer(&self) {
        for gate in [EFFECT, ANSWER] {
            self.place.scene.standin.open_gate(gate);
        }
    }

    /// What was stopped goes on as if nothing had been.
    pub(crate) fn release(&self) {
        self.place.proxy.release();
        self.answer();
    }

    /// Connections to the database break; what was stopped is lost.
    pub(crate) fn lose(&self) {
        self.place.proxy.cut();
        self.answer();
    }

    /// Another worker comes.
    pub(crate) async fn other(&self) -> Result<Sidecar> {
        self.place.other()?.start().await
    }

    /// Watches the ledger on a new connection, where the old one went with its server.
    pub(crate) async fn watch_again(&mut self) -> Result<()> {
        let url = self.place.scene.database.url();
        self.place.scene.watch = ledger::Watch::payments(&url).await?;
        Ok(())
    }

    /// The payment ends settled, by the one transfer there is and with its proof; nothing is left to do.
    pub(crate) async fn ends_settled(&mut self) -> Result<()> {
        let row = self.status(&["settled"]).await?;
        let transfers = self.place.scene.standin.chain().transfers_of(self.signed.nonce());
        assert_eq!(transfers.len(), 1, "one authorization, one transfer");
        assert_eq!(row.tx_hash, Some(format!("{:#x}", transfers[0].tx)));
        assert_eq!(row.log_index, Some(i32::try_from(transfers[0].log_index)?));
        let events = ledger::events(self.place.scene.watch.client(), self.id).await?;
        // An outcome that came after the lease was lost is an event too, and moves nothing.
        let moved =
            |event: &&ledger::Event| event.to == "settled" && event.from.as_deref() != Some("settled");
        let proof = events.iter().rfind(moved).context("no event settles it")?;
        assert!(
            proof.evidence["chain"].is_object(),
            "settled by evidence: {events:#?}"
        );
        self.nothing_waits().await
    }

    /// Waits until the payment has one of these statuses.
    pub(crate) async fn status(&mut self, wanted: &[&str]) -> Result<ledger::Row> {
        let log = self.worker.log().clone();
        let status = self.place.scene.watch.status(self.id, wanted, LONG).await;
        status.with_context(|| format!("the worker's log:\n{}", log.text()))
    }

    /// No payment is left in the queue.
    pub(crate) async fn nothing_waits(&self) -> Result<()> {
        let sql = "SELECT count(*) FROM x402.queue WHERE payment_id = $1";
        let waiting = self
            .place
            .scene
            .watch
            .client()
            .query_one(sql, &[&self.id])
            .await?;
        assert_eq!(waiting.get::<_, i64>(0), 0, "no row is stuck");
        Ok(())
    }

    /// The worker is the same process as before, and settles the next payment.
    pub(crate) async fn goes_on(&mut self) -> Result<()> {
        self.worker.ready(LONG).await?;
        let scene = &mut self.place.scene;
        let (signed, id) = scene.pay().await?;
        scene.watch.status(id, &["settled"], LONG).await?;
        assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
        assert!(
            self.worker.process().ended()?.is_none(),
            "{}",
            self.worker.log().text()
        );
        Ok(())
    }

    /// A statement as the superuser.
    pub(crate) async fn sql(&self, statement: &str) -> Result<()> {
        Ok(self.place.scene.watch.client().batch_execute(statement).await?)
    }
}
