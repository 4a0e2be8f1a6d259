use anyhow::{Context, Result};
use tokio_postgres::Client;

/// InsForge's roles, default privileges and functions, as far as an extension meets them.
const INSFORGE: &str = include_str!("../../fixtures/insforge.sql");
/// Role that sidecars log in with: everything it may do comes from `insforge.grant_sidecar`.
pub(super) const SIDECAR_ROLE: &str = "sidecar";

/// What a test's database starts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    /// Nothing but what every Postgres database has.
    Empty,
    /// Plain Postgres with the extension.
    Extension,
    /// An InsForge database without the extension.
    InsForge,
    /// An InsForge database with the extension.
    InsForgeExtension,
}

impl Template {
    /// Name of the database that tests clone.
    pub(super) fn database(self) -> &'static str {
        match self {
            Template::Empty => "template0",
            Template::Extension => "template_extension",
            Template::InsForge => "template_insforge",
            Template::InsForgeExtension => "template_insforge_extension",
        }
    }

    /// Fills the template, on a connection to it as superuser.
    pub(super) async fn fill(self, client: &Client) -> Result<()> {
        if matches!(self, Template::InsForge | Template::InsForgeExtension) {
            client
                .batch_execute(INSFORGE)
                .await
                .context("fixtures/insforge.sql")?;
        }
        if matches!(self, Template::Extension | Template::InsForgeExtension) {
            let install = "CREATE EXTENSION insforge_integrations";
            client.batch_execute(install).await.context(
                "CREATE EXTENSION insforge_integrations: is a package build installed into this server? \
                 `cargo xtask test` does it",
            )?;
            let grant = format!("SELECT insforge.grant_sidecar('{SIDECAR_ROLE}')");
            client
                .batch_execute(&grant)
                .await
                .context("insforge.grant_sidecar")?;
        }
        Ok(())
    }
}
