//! SQL: the header codec. Errors are raised in SQL, which alone can raise our SQLSTATEs.

use insforge_protocol::x402::{Reason, header};
use pgrx::JsonB;
use pgrx::prelude::*;

#[pg_schema]
mod x402 {
    use super::*;

    /// The header value that carries a message: padded standard base64 of its JSON (RFC 4648 §4).
    #[pg_extern(immutable, parallel_safe)]
    fn encode_header(message: JsonB) -> String {
        header::encode(&message.0)
    }

    /// The message in a header value, or why there is none.
    #[pg_extern(immutable, parallel_safe)]
    fn _decode_header(
        value: &str,
    ) -> TableIterator<
        'static,
        (
            name!(message, Option<JsonB>),
            name!(errcode, Option<&'static str>),
            name!(error, Option<String>),
        ),
    > {
        TableIterator::once(match header::decode(value) {
            Ok(message) => (Some(JsonB(message)), None, None),
            Err(error) => {
                let reason = Reason::from(error);
                (
                    None,
                    Some(reason.sqlstate()),
                    Some(format!("{}: {reason}", reason.code())),
                )
            }
        })
    }
}
