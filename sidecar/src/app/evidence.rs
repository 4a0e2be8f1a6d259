//! Chains and reconciliation among the parts.

use std::sync::Arc;

use insforge_protocol::evm;
use insforge_protocol::x402::Network;

use super::{App, StartError};
use crate::chain::Chain;
use crate::config::FacilitatorMode;
use crate::db::{PgArchive, PgLedger};
use crate::outlook::Outlook;
use crate::reconcile::{
    Archive, ChainWitness, Chains, DomainCheck, Domains, FinalityTracker, Parts, ReconcileSettings,
    Reconciler, Scan,
};
use crate::settle::{Believer, Witness};
use crate::tasks::Service;
use crate::worker::{Core, Flights, Recorder};

/// What the chain has to say, for whoever settles.
pub(super) struct Evidence {
    chains: Arc<Chains>,
    domains: Arc<Domains>,
    pub(super) witness: Arc<dyn Witness>,
}

impl App {
    /// The chains that are configured. In mock mode none is asked: there is nothing on it.
    pub(super) fn evidence(&self) -> Result<Evidence, StartError> {
        if matches!(self.settings.facilitator.mode, FacilitatorMode::Mock) {
            return Ok(Evidence {
                chains: Arc::default(),
                domains: Arc::default(),
                witness: Arc::new(Believer),
            });
        }
        let chain = Chain::new(Network::X_LAYER, self.settings.chain.clone())?;
        let (chains, domains) = (Arc::new(Chains::new([chain])), Arc::<Domains>::default());
        Ok(Evidence {
            witness: Arc::new(ChainWitness::new(chains.clone(), domains.clone())),
            chains,
            domains,
        })
    }

    /// Adds what reconciles payments. Stopped with the intake; what is being sent again is waited for as a task of
    /// the settler's.
    pub(super) fn add_reconciliation(
        &mut self,
        evidence: Evidence,
        ledger: &PgLedger,
        core: &Arc<Core>,
        (recorder, flights): (Arc<Recorder>, Arc<Flights>),
        outlook: Arc<Outlook>,
    ) -> Result<(), StartError> {
        let Evidence {
            chains,
            domains,
            witness,
        } = evidence;
        let settler = &self.settings.settler;
        let settings = ReconcileSettings {
            batch: settler.batch,
            lease: settler.lease,
            poll: settler.poll_interval,
            ..self.settings.reconcile.clone()
        };
        let metrics = self.metrics.clone();
        let pool = self.work()?;
        let worker = self.settings.settler.worker.clone();
        let archive: Arc<dyn Archive> = Arc::new(PgArchive::new(pool, worker));
        let recipient = self.settings.payment_recipient.as_deref().and_then(evm::address);
        let (finality_interval, scan_interval) = (settings.finality_interval, settings.scan_interval);
        let reconciler = Reconciler::new(
            Parts {
                ledger: Arc::new(ledger.open()),
                chains: chains.clone(),
                courier: core.clone(),
                witness,
                recorder,
                flights,
                metrics: metrics.clone(),
                settings,
            },
            outlook,
            core.tasks(),
        );
        let tracker = FinalityTracker::new(
            chains.clone(),
            archive.clone(),
            metrics.clone(),
            finality_interval,
        );
        let scan = Scan::new(
            chains.clone(),
            archive.clone(),
            metrics.clone(),
            self.bell.clone(),
            recipient,
            scan_interval,
        );
        let check = DomainCheck::new(chains, archive, domains, metrics);
        let died = || self.died.clone();
        self.intake.extend([
            Service::of("reconciler", died(), Arc::new(reconciler)),
            Service::of("finality", died(), Arc::new(tracker)),
            Service::of("scan", died(), Arc::new(scan)),
            Service::of("domains", died(), Arc::new(check)),
        ]);
        Ok(())
    }
}
