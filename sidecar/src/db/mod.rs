//! Everything that speaks to Postgres. The only place with SQL.

mod archive;
mod book;
mod bucket;
mod changes;
mod connect;
mod error;
mod figures;
mod ledger;
mod listen;
mod pool;
mod rows;
mod sql;

pub use archive::PgArchive;
pub use book::PgBook;
pub use bucket::PgBucket;
pub use changes::Changes;
pub use connect::Connector;
pub use error::DbError;
pub use figures::PgFigures;
pub use ledger::PgLedger;
pub use listen::Listener;
pub use pool::Pool;
