//! Reading `request.jwt.claims`: what PostgREST and InsForge's gateway put there.
//!
//! Everything fails closed: what is absent, malformed or of the wrong type is `None`, never an error,
//! because an error in a policy breaks every query on its table and a guess lets a stranger in.

mod parsed;
mod subject;

pub use parsed::{Claims, Unusable};
pub use subject::{MAX_SUBJECT_BYTES, usable_subject};
