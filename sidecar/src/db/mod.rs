//! Everything that speaks to Postgres. The only place with SQL.

mod archive;
mod book;
mod changes;
mod connect;
mod error;
mod ledger;
mod listen;
mod pool;
mod rows;
mod sql;

pub use archive::PgArchive;
pub use book::PgBook;
pub use changes::Changes;
pub use connect::Connector;
pub use error::DbError;
pub use ledger::PgLedger;
pub use listen::Listener;
pub use pool::Pool;
