//! Payments, streamed to standard output.

use std::io::{self, Write};

use futures_util::{Stream, StreamExt};
use serde_json::Value;

use crate::db::DeskError;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The output.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes one JSON object a line; returns how many.
///
/// # Errors
/// [`ExportError`]: what was written until then is incomplete.
pub async fn json_lines(
    rows: impl Stream<Item = Result<Value, DeskError>>,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let mut rows = std::pin::pin!(rows);
    let mut count = 0;
    while let Some(row) = rows.next().await {
        serde_json::to_writer(&mut *out, &row?).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

/// Writes pieces as they come.
///
/// # Errors
/// [`ExportError`]: what was written until then is incomplete.
pub async fn pieces<P: AsRef<[u8]>>(
    pieces: impl Stream<Item = Result<P, DeskError>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.next().await {
        out.write_all(piece?.as_ref())?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use serde_json::json;

    #[tokio::test]
    async fn each_payment_is_a_line_and_a_failure_is_not_hidden() {
        let rows = [Ok(json!({"id": 1})), Ok(json!({"id": 2}))];
        let mut out = Vec::new();
        assert_eq!(json_lines(stream::iter(rows), &mut out).await.unwrap(), 2);
        assert_eq!(out, b"{\"id\":1}\n{\"id\":2}\n");
        let refused = DeskError::Refused {
            message: "gone".to_owned(),
            hint: None,
        };
        let cut = stream::iter([Ok(b"id\n".to_vec()), Err(refused)]);
        assert!(pieces(cut, &mut Vec::new()).await.is_err());
    }
}
