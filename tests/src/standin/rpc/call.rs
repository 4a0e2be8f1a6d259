use insforge_protocol::evm;

use super::*;

/// `eth_call` at block `at`. An address without a contract returns `0x`, as on a real node.
pub(super) fn call(chain: &Chain, request: &Value, at: u64) -> Answer {
    let to = request["to"]
        .as_str()
        .and_then(evm::address)
        .ok_or_else(|| invalid("to"))?;
    let input = request["data"]
        .as_str()
        .or(request["input"].as_str())
        .unwrap_or("0x");
    let input = hex::decode(input).map_err(|_| invalid("data"))?;
    let Some(token) = chain.ledger().token(to) else {
        return Ok(json!("0x"));
    };
    let (selector, arguments) = input.split_at_checked(4).ok_or_else(reverted)?;
    let word = |at: usize| {
        arguments
            .get(32 * at..32 * (at + 1))
            .map(B256::from_slice)
            .ok_or_else(reverted)
    };
    let output = match hex::encode(selector).as_str() {
        "e94a0102" => {
            let (payer, nonce) = (Address::from_word(word(0)?), word(1)?);
            let burnt = chain.nonce_at(to, payer, nonce, at).is_some();
            U256::from(u8::from(burnt)).to_be_bytes_vec()
        }
        "70a08231" => chain
            .ledger()
            .balance(to, Address::from_word(word(0)?))
            .to_be_bytes_vec(),
        "3644e515" => token.separator.to_vec(),
        "06fdde03" => string(&token.name),
        "54fd4d50" => string(&token.version),
        "313ce567" => U256::from(token.decimals).to_be_bytes_vec(),
        _ => return Err(reverted()),
    };
    Ok(json!(hex::encode_prefixed(output)))
}

fn reverted() -> RpcError {
    RpcError(3, "execution reverted".to_owned())
}

/// ABI encoding of one dynamic string.
fn string(text: &str) -> Vec<u8> {
    let mut out = U256::from(32).to_be_bytes_vec();
    out.extend(U256::from(text.len()).to_be_bytes_vec());
    out.extend_from_slice(text.as_bytes());
    out.resize(out.len().next_multiple_of(32), 0);
    out
}
