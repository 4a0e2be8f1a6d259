//! Every row of the fail-closed table, as SQL sees it.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use super::*;
}
