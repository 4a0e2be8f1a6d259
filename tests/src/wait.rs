//! Waiting for things that announce themselves to nobody.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

/// Pause between two looks: short against every deadline, long against the cost of a look.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` finds something, and returns it. An error counts as "not yet" (a server that is
/// being restarted refuses connections), and the last one is reported when the time is over.
///
/// # Errors
/// Nothing was found within `deadline`.
pub async fn wait_until<T, F, Fut>(deadline: Duration, what: &str, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let end = Instant::now() + deadline;
    loop {
        let seen = look().await;
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        if Instant::now() >= end {
            let why = format!("not within {deadline:?}: {what}");
            return match seen {
                Err(error) => Err(error).context(why),
                Ok(_) => bail!(why),
            };
        }
        sleep(PAUSE).await;
    }
}
