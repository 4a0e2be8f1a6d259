//! What a request of a Postgres client runs, where it names a statement instead of repeating its text.

use std::collections::HashMap;

/// The statements that a client has prepared, by their names.
#[derive(Default)]
pub(super) struct Statements(HashMap<Vec<u8>, Vec<u8>>);

impl Statements {
    /// The request with the text of the statements that it runs; `None` if it only prepares some. What is not of
    /// Postgres' protocol is returned as it is.
    pub(super) fn expand(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (mut expanded, mut prepares, mut binds) = (request.to_vec(), false, false);
        for (kind, body) in messages(request) {
            let mut texts = body.split(|byte| *byte == 0);
            let (Some(first), Some(second)) = (texts.next(), texts.next()) else {
                continue;
            };
            match kind {
                b'P' => {
                    prepares = true;
                    self.0.insert(first.to_vec(), second.to_vec());
                }
                b'B' => {
                    binds = true;
                    expanded.extend(self.0.get(second).into_iter().flatten());
                }
                _ => {}
            }
        }
        (binds || !prepares).then_some(expanded)
    }
}

/// The messages of a request: a letter, a length that counts itself, a body.
fn messages(mut request: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, rest) = request.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let body = usize::try_from(u32::from_be_bytes(*length))
            .ok()?
            .checked_sub(4)?;
        // A long message comes in pieces; names are in the first.
        let (body, rest) = rest.split_at(body.min(rest.len()));
        request = rest;
        Some((*kind, body))
    })
}
