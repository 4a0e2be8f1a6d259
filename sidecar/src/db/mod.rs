//! Everything that speaks to Postgres. The only place with SQL.

mod archive;
mod batch_book;
mod book;
mod bucket;
mod changes;
mod checkup;
mod connect;
mod desk;
mod desk_sql;
mod error;
mod figures;
mod ledger;
mod listen;
mod pool;
mod registrar;
mod rows;
mod sql;

pub use archive::PgArchive;
pub use book::PgBook;
pub use bucket::PgBucket;
pub use changes::Changes;
pub use checkup::{Checkup, Facts};
pub use connect::Connector;
pub use desk::{Action, Desk, DeskError, Filter, Listed, Shown};
pub use error::DbError;
pub use figures::PgFigures;
pub use ledger::PgLedger;
pub use listen::Listener;
pub use pool::Pool;
pub use registrar::PgRegistrar;
