//! The reckoning after a storm: submissions, books and chain are compared row by row.

mod books;
mod history;
mod money;
mod reckon;
#[cfg(test)]
mod tests;

pub(super) use books::{Books, Payment};
pub(super) use reckon::{Seen, audit};
