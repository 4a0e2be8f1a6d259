use super::endpoint::At;
use super::{Endpoint, RpcError};

/// Most blocks that are asked for to find a time; halving 2^40 blocks takes 40.
const STEPS: u32 = 48;

impl Endpoint {
    /// The first block, up to `top`, whose time is at least `time`; `top` if none is. Each step aims at where the
    /// block should lie if blocks came evenly, and halves the range at least every second step.
    ///
    /// # Errors
    /// Any [`RpcError`].
    pub async fn block_at(&self, time: u64, top: u64) -> Result<u64, RpcError> {
        let mut low = (0, self.time_of(0).await?);
        let mut high = (top, self.time_of(top).await?);
        if time <= low.1 {
            return Ok(0);
        }
        for step in 0..STEPS {
            if high.0 - low.0 <= 1 || time > high.1 {
                break;
            }
            let guess = if step % 2 == 0 {
                aim(time, low, high)
            } else {
                low.0 + (high.0 - low.0) / 2
            };
            let middle = (guess, self.time_of(guess).await?);
            if middle.1 < time {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high.0)
    }

    async fn time_of(&self, number: u64) -> Result<u64, RpcError> {
        let block = self.block(At::Number(number)).await?;
        block
            .map(|block| block.timestamp)
            .ok_or(RpcError::NotRpc("a block below the latest is missing"))
    }
}

/// Where the time lies between two blocks, strictly between their heights.
fn aim(time: u64, low: (u64, u64), high: (u64, u64)) -> u64 {
    let (blocks, seconds) = (high.0 - low.0, high.1.saturating_sub(low.1).max(1));
    let share = u128::from(blocks) * u128::from(time.saturating_sub(low.1)) / u128::from(seconds);
    let steps = u64::try_from(share).unwrap_or(u64::MAX);
    low.0.saturating_add(steps).clamp(low.0 + 1, high.0 - 1)
}
