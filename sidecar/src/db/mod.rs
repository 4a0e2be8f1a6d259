//! Everything that speaks to Postgres. The only place with SQL.

mod connect;
mod error;
mod ledger;
mod listen;
mod pool;
mod sql;

pub use connect::Connector;
pub use error::DbError;
pub use ledger::PgLedger;
pub use listen::Listener;
pub use pool::Pool;
