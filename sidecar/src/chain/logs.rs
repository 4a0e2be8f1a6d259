use std::sync::atomic::Ordering;

use insforge_protocol::evidence::Log;
use insforge_protocol::evm::{Address, B256};
use serde_json::{Value, json};
use tracing::debug;

use super::{Endpoint, RpcError};

/// What logs to look for: of these contracts, and for each topic one of these values (none listed: any).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// The contracts.
    pub addresses: Vec<Address>,
    /// The topics by position.
    pub topics: Vec<Vec<B256>>,
}

impl LogFilter {
    pub(super) fn params(&self, from: u64, to: u64) -> Value {
        let hex = |topics: &Vec<B256>| match &topics[..] {
            [] => Value::Null,
            topics => json!(
                topics
                    .iter()
                    .map(|topic| format!("{topic:#x}"))
                    .collect::<Vec<_>>()
            ),
        };
        json!({
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
            "address": self.addresses.iter().map(|address| format!("{address:#x}")).collect::<Vec<_>>(),
            "topics": self.topics.iter().map(hex).collect::<Vec<_>>(),
        })
    }

    /// Whether a log is what was asked for. Providers that ignore part of a filter exist.
    pub fn matches(&self, log: &Log) -> bool {
        let topics = self.topics.iter().enumerate().all(|(at, wanted)| {
            wanted.is_empty() || log.topics.get(at).is_some_and(|topic| wanted.contains(topic))
        });
        topics && self.addresses.contains(&log.address)
    }
}

impl Endpoint {
    /// Matching logs of the blocks `from..=to`, asked for in ranges that the provider allows. A provider's limits
    /// are found by being refused, and remembered. Stops at the first range with a match if `first` is set.
    ///
    /// # Errors
    /// Any [`RpcError`]: then nothing is known of the whole range. A log that lies outside of what was asked for is
    /// left out.
    pub async fn logs(
        &self,
        filter: &LogFilter,
        from: u64,
        to: u64,
        first: bool,
    ) -> Result<Vec<Log>, RpcError> {
        let (mut found, mut next) = (Vec::new(), from);
        while next <= to {
            let range = self.log_range.load(Ordering::Relaxed).max(1);
            let last = next.saturating_add(range - 1).min(to);
            match self.raw_logs(filter, next, last).await {
                Ok(logs) => {
                    found.extend(
                        logs.into_iter()
                            .filter(|log| filter.matches(log) && (next..=last).contains(&log.block_number)),
                    );
                    if first && !found.is_empty() {
                        break;
                    }
                    next = last + 1;
                    self.try_more(range);
                }
                Err(error) if last > next && error.may_be_range() => {
                    debug!(endpoint = self.label(), %error, blocks = last - next + 1, "asking for fewer blocks");
                    self.log_range.store((last - next).div_ceil(2), Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// What was refused once may have been an outage: the range grows again, slowly.
    fn try_more(&self, range: u64) {
        let more = (range + range / 8 + 1).min(self.log_range_limit);
        let _ = self
            .log_range
            .compare_exchange(range, more, Ordering::Relaxed, Ordering::Relaxed);
    }
}
