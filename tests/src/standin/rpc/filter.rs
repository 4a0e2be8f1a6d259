use insforge_protocol::evm;

use super::*;

/// `eth_getLogs`. A range beyond the endpoint's limit is refused as public nodes do.
pub(super) fn logs(view: &View<'_>, filter: &Value) -> Answer {
    let (from, to) = range(view, filter)?;
    if view
        .logs_range
        .is_some_and(|limit| to.saturating_sub(from) >= limit)
    {
        return Err(RpcError(-32005, "block range is too wide".to_owned()));
    }
    let addresses = one_or_many(&filter["address"], evm::address)?;
    let positions = filter["topics"].as_array().map_or(&[][..], Vec::as_slice);
    let topics = positions
        .iter()
        .map(|p| one_or_many(p, evm::bytes32))
        .collect::<Result<_, _>>()?;
    let found = view.chain.logs(&LogFilter {
        from,
        to,
        addresses,
        topics,
    });
    Ok(found.iter().map(render::log).collect())
}

fn range(view: &View<'_>, filter: &Value) -> Result<(u64, u64), RpcError> {
    if let Some(hash) = filter["blockHash"].as_str() {
        let hash = evm::bytes32(hash).ok_or_else(|| invalid("blockHash"))?;
        let numbers = 0..=view.head();
        let number = numbers
            .into_iter()
            .find(|n| view.block(*n).is_some_and(|b| b.hash == hash));
        return number
            .map(|n| (n, n))
            .ok_or_else(|| RpcError(-32000, "unknown block".to_owned()));
    }
    let from = view.tag(&filter["fromBlock"])?;
    let to = view.tag(&filter["toBlock"])?;
    if from > to {
        return Err(invalid("block range"));
    }
    Ok((from, to.min(view.head())))
}

fn one_or_many<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, RpcError> {
    let read = |value: &Value| {
        value
            .as_str()
            .and_then(&read)
            .ok_or_else(|| invalid("address or topic"))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(many) => many.iter().map(read).collect(),
        one => Ok(vec![read(one)?]),
    }
}
