use std::collections::HashSet;
use std::thread;

use anyhow::{Context, Result, anyhow};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};

use super::server;
use super::template::{SIDECAR_ROLE, Template};

/// The one who creates and drops databases, on a thread and a runtime of its own: a test's runtime ends
/// with the test, and cloning a template demands that nobody else is connected to it.
#[derive(Debug, Clone)]
pub(super) struct Janitor(mpsc::UnboundedSender<Order>);

enum Order {
    Create(String, Template, oneshot::Sender<Result<()>>),
    Drop(String),
}

impl Janitor {
    pub(super) fn start(port: u16) -> Result<Janitor> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("janitor".to_owned())
            .spawn(move || runtime.block_on(work(port, inbox)))?;
        Ok(Janitor(orders))
    }

    pub(super) async fn create(&self, name: &str, template: Template) -> Result<()> {
        let (reply, done) = oneshot::channel();
        let order = Order::Create(name.to_owned(), template, reply);
        self.0.send(order).map_err(|_| anyhow!("the janitor is gone"))?;
        done.await.context("the janitor is gone")?
    }

    pub(super) fn drop_later(&self, name: &str) {
        // Nobody is left to tell when this fails, and the cluster goes away as a whole anyway.
        drop(self.0.send(Order::Drop(name.to_owned())));
    }
}

async fn work(port: u16, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let mut made = HashSet::new();
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Create(name, template, reply) => {
                drop(reply.send(create(port, &mut made, &name, template).await));
            }
            Order::Drop(name) => {
                let sql = format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#);
                if let Ok(client) = connect(port, "postgres").await {
                    drop(client.batch_execute(&sql).await);
                }
            }
        }
    }
}

async fn create(port: u16, made: &mut HashSet<Template>, name: &str, template: Template) -> Result<()> {
    let client = connect(port, "postgres").await?;
    if made.is_empty() {
        client
            .batch_execute(&format!("CREATE ROLE {SIDECAR_ROLE} LOGIN"))
            .await?;
        made.insert(Template::Empty);
    }
    if !made.contains(&template) {
        let from = Template::Empty.database();
        let own = template.database();
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {own}"))
            .await?;
        client
            .batch_execute(&format!("CREATE DATABASE {own} TEMPLATE {from}"))
            .await?;
        template.fill(&connect(port, own).await?).await?;
        made.insert(template);
    }
    let clone = format!(r#"CREATE DATABASE "{name}" TEMPLATE {}"#, template.database());
    client
        .batch_execute(&clone)
        .await
        .with_context(|| format!("database {name}"))
}

/// A connection whose driver stops with the client, so that the template is free again at once.
async fn connect(port: u16, database: &str) -> Result<Client> {
    let url = server::url(port, "postgres", database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls)
        .await
        .context("connection refused")?;
    tokio::spawn(connection);
    Ok(client)
}
