//! SQL: the claim helpers.

use pgrx::prelude::*;
use pgrx::{JsonB, VariadicArray};

use super::cache::with_claims;

#[pg_schema]
mod insforge {
    use super::*;

    /// The claim `email` where it is a string, else NULL.
    #[pg_extern(stable, parallel_safe)]
    fn email() -> Option<String> {
        with_claims(|claims| claims.string("email").map(str::to_owned))
    }

    /// The claim `role` where it is a string, else NULL.
    #[pg_extern(stable, parallel_safe)]
    fn role() -> Option<String> {
        with_claims(|claims| claims.string("role").map(str::to_owned))
    }

    /// All claims, or NULL where the setting holds no JSON object that `jsonb` can hold.
    #[pg_extern(stable, parallel_safe)]
    fn claims() -> Option<JsonB> {
        let text = with_claims(|claims| claims.to_json())?;
        serde_json::from_str(&text).ok().map(JsonB)
    }

    /// The claim at a path, as text; NULL for a NULL in the path and where nothing is there.
    #[pg_extern(stable, parallel_safe)]
    fn claim(path: VariadicArray<&str>) -> Option<String> {
        let path: Vec<&str> = path.iter().collect::<Option<_>>()?;
        with_claims(|claims| claims.text_at(&path))
    }
}
