//! What most tests start from: a database with the extension, a stand-in, a watch on the ledger.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::cluster::{Database, Template};
use insforge_tests::ledger::{self, Row, Watch};
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::standin::StandIn;
use uuid::Uuid;

/// Longest wait for something that takes milliseconds on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) database: Database,
    pub(crate) standin: StandIn,
    pub(crate) watch: Watch,
}

impl Scene {
    pub(crate) async fn new() -> Result<Scene> {
        Scene::on(Database::create(Template::Extension).await?).await
    }

    pub(crate) async fn on(database: Database) -> Result<Scene> {
        let standin = StandIn::start().await?;
        let watch = Watch::payments(&database.url()).await?;
        Ok(Scene {
            database,
            standin,
            watch,
        })
    }

    /// A plan for a sidecar of this scene, with the least privileges.
    pub(crate) fn plan(&self) -> Result<Plan> {
        Plan::settling(&self.database.sidecar_url(), &self.standin)
    }

    pub(crate) async fn sidecar(&self) -> Result<Sidecar> {
        self.plan()?.start().await
    }

    /// Submits a payment in a form.
    pub(crate) async fn submit_as(&self, signed: &Signed, form: Form) -> Result<Uuid> {
        let (payment, requirements) = (signed.payment(form), signed.requirements(form));
        ledger::submit(
            self.watch.client(),
            &payment,
            &requirements,
            &signed.offer.resource,
        )
        .await
    }

    /// Submits a version 2 payment.
    pub(crate) async fn submit(&self, signed: &Signed) -> Result<Uuid> {
        self.submit_as(signed, Form::V2).await
    }

    /// A new buyer pays a cent in USDG.
    pub(crate) async fn pay(&self) -> Result<(Signed, Uuid)> {
        let signed = Buyer::new().pay(&Offer::usdg());
        let id = self.submit(&signed).await?;
        Ok((signed, id))
    }

    /// Waits until the payment is settled and checks that the chain agrees: one transfer, this hash.
    pub(crate) async fn settled(&mut self, signed: &Signed, id: Uuid) -> Result<Row> {
        let row = self.watch.status(id, &["settled"], SOON).await?;
        let transfers = self.standin.chain().transfers_of(signed.nonce());
        assert_eq!(transfers.len(), 1, "one authorization, one transfer");
        assert_eq!(row.tx_hash, Some(format!("{:#x}", transfers[0].tx)));
        Ok(row)
    }

    /// The statuses that the payment went through, in order.
    pub(crate) async fn path(&self, id: Uuid) -> Result<Vec<String>> {
        let events = ledger::events(self.watch.client(), id).await?;
        Ok(events.into_iter().map(|event| event.to).collect())
    }
}
