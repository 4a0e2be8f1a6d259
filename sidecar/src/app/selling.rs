//! The facilitator API and the gateway among the parts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::{info, warn};

use super::{App, StartError, facilitator};
use crate::clock::SystemClock;
use crate::config::{FacilitatorApiSettings, GatewaySettings};
use crate::db::{Changes, Connector, PgBook};
use crate::selling::facilitator_api::{FacilitatorApi, Terms};
use crate::selling::gateway::{Face, Gateway};
use crate::selling::serve::{Handler, Limits, serve};
use crate::selling::stock::Stock;
use crate::selling::{BatchingBook, Book, Settler, Till, Verifier};
use crate::tasks::Service;
use crate::worker::Direct;

/// Bytes of a request's head: a payment of 16 KiB in two headers would be refused anyway, and browsers send
/// cookies.
const HEAD_BYTES: usize = 48 * 1024;
/// Time for a middleware to take the next piece of an answer, which is small.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for answers under way when the sidecar stops.
const GRACE: Duration = Duration::from_secs(10);

impl App {
    /// Adds what is configured of the facilitator API and the gateway.
    pub(super) async fn add_selling(&mut self) -> Result<(), StartError> {
        let selling = self.settings.selling.clone();
        if selling.facilitator.is_none() && selling.gateway.is_none() {
            return Ok(());
        }
        let database = &self.settings.database;
        let (size, limit, ping) = (
            database.pool_size,
            database.query_timeout,
            self.settings.settler.ping_interval,
        );
        let connector = Connector::new(database, "outcomes")?;
        let worker = self.settings.settler.worker.clone();
        let book = Arc::new(PgBook::new(self.pool("selling", size, limit)?, worker));
        let settler = self
            .core
            .clone()
            .map(|core| Arc::new(Direct(core)) as Arc<dyn Settler>);
        let book: Arc<dyn Book> = Arc::new(BatchingBook::new(book.clone(), book, settler, &self.connections));
        let outcomes = self.outcomes.clone();
        let bell = self.settings.settler.enabled.then(|| self.bell.clone());
        let till = Till::new(book.clone(), outcomes.clone(), self.verifier()?, bell);
        let recipient = self.settings.payment_recipient.clone();
        let stock = Arc::new(Stock::new(book, selling.clone(), recipient));
        for unsold in stock.fill(&[]).err().into_iter().flatten() {
            if !unsold.may_come_right() {
                return Err(StartError::Unsold(unsold));
            }
            warn!(%unsold, "not on sale until the token is vouched for in the database");
        }
        if let Some(settings) = selling.facilitator {
            self.add_facilitator(settings, &till, &stock).await?;
        }
        if let Some(settings) = selling.gateway {
            self.add_gateway(settings, till, &stock).await?;
        }
        let changes = Changes::new(connector, outcomes, ping);
        self.support
            .push(Service::of("outcomes", self.died.clone(), Arc::new(changes)));
        self.support.push(Service::of("stock", self.died.clone(), stock));
        Ok(())
    }

    async fn add_facilitator(
        &mut self,
        settings: FacilitatorApiSettings,
        till: &Till,
        stock: &Stock,
    ) -> Result<(), StartError> {
        let terms = Terms {
            token: settings.token,
            allow: stock.allow(),
            wait: settings.wait,
            replay: settings.replay,
            verify_remote: settings.verify_remote,
            body_timeout: settings.head_timeout,
        };
        let api = Arc::new(FacilitatorApi::new(terms, till.clone(), self.metrics.clone()));
        let limits = Limits {
            connections: settings.connections,
            head_timeout: settings.head_timeout,
            write_timeout: WRITE_TIMEOUT,
            head_bytes: HEAD_BYTES,
            grace: GRACE,
        };
        self.add_server("facilitator", settings.listen, limits, api).await
    }

    async fn add_gateway(
        &mut self,
        settings: GatewaySettings,
        till: Till,
        stock: &Stock,
    ) -> Result<(), StartError> {
        let face = Face {
            public_url: settings.public_url,
            allow_origin: settings.allow_origin,
        };
        let (deliveries, metrics) = (self.connections.clone(), self.metrics.clone());
        let gateway = Gateway::new(
            till,
            stock.catalog(),
            Arc::new(SystemClock),
            deliveries,
            face,
            metrics,
        )?;
        let limits = Limits {
            connections: settings.connections,
            head_timeout: settings.head_timeout,
            write_timeout: settings.write_timeout,
            head_bytes: HEAD_BYTES,
            grace: GRACE,
        };
        self.add_server("gateway", settings.listen, limits, Arc::new(gateway))
            .await
    }

    async fn add_server<H: Handler>(
        &mut self,
        name: &'static str,
        address: SocketAddr,
        limits: Limits,
        handler: Arc<H>,
    ) -> Result<(), StartError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|cause| StartError::SellingListen {
                name,
                address: address.to_string(),
                cause,
            })?;
        info!(server = name, address = %listener.local_addr().unwrap_or(address), "serving");
        let listener = Arc::new(listener);
        let body = move |stop| serve(listener.clone(), limits, handler.clone(), stop);
        // First to stop, while payments that buyers wait for are still being settled.
        self.intake.insert(0, Service::new(name, self.died.clone(), body));
        Ok(())
    }

    /// Asks the facilitator that the settler uses, within the same limit.
    fn verifier(&mut self) -> Result<Verifier, StartError> {
        if let Some(verifier) = &self.verifier {
            return Ok(verifier.clone());
        }
        let facilitator = facilitator(&self.settings.facilitator)?;
        Ok(Verifier::new(facilitator, self.limiter()?))
    }
}
