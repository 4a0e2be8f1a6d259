use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::DbError;

/// A column by its name; a missing one or another type means that extension and sidecar do not fit.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, DbError> {
    row.try_get(column)
        .map_err(|error| DbError::Contract(error.to_string()))
}
