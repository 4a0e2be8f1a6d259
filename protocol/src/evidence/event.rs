use alloy_primitives::{Address, B256, U256, b256};

use super::Log;

/// `topic0` of `AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)` (EIP-3009).
pub const AUTHORIZATION_USED: B256 =
    b256!("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");
/// `topic0` of `AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)` (EIP-3009).
pub const AUTHORIZATION_CANCELED: B256 =
    b256!("1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81");
/// `topic0` of `Transfer(address indexed from, address indexed to, uint256 value)` (ERC-20).
pub const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// A log that says something about payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An authorization was used.
    Used {
        /// Who signed it.
        authorizer: Address,
        /// Its nonce.
        nonce: B256,
    },
    /// An authorization was cancelled by its signer: its nonce is used up without a transfer.
    Canceled {
        /// Who signed it.
        authorizer: Address,
        /// Its nonce.
        nonce: B256,
    },
    /// Tokens moved.
    Transfer {
        /// Who paid.
        from: Address,
        /// Who was paid.
        to: Address,
        /// Amount in the token's smallest unit.
        value: U256,
    },
}

impl Event {
    /// Reads an event of exactly the standard's form; a token that indexes other members, or packs more into
    /// `data`, means something else by it. Whose event it is, [`Log::address`] says.
    pub fn read(log: &Log) -> Option<Self> {
        let [signature, first, second] = log.topics[..] else {
            return None;
        };
        match signature {
            AUTHORIZATION_USED | AUTHORIZATION_CANCELED if log.data.is_empty() => {
                let (authorizer, nonce) = (account(first)?, second);
                Some(if signature == AUTHORIZATION_USED {
                    Self::Used { authorizer, nonce }
                } else {
                    Self::Canceled { authorizer, nonce }
                })
            }
            TRANSFER => Some(Self::Transfer {
                from: account(first)?,
                to: account(second)?,
                value: U256::from_be_bytes(<[u8; 32]>::try_from(&log.data[..]).ok()?),
            }),
            _ => None,
        }
    }
}

/// An address as a topic: the upper twelve bytes are zero.
fn account(topic: B256) -> Option<Address> {
    let (padding, address) = topic.0.split_at(12);
    padding
        .iter()
        .all(|byte| *byte == 0)
        .then(|| Address::from_slice(address))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{PAYEE, PAYER, TOKEN, transfer, used};
    use super::*;
    use alloy_primitives::{Bytes, keccak256};

    #[test]
    fn topics_are_the_hashes_of_the_event_signatures() {
        assert_eq!(
            AUTHORIZATION_USED,
            keccak256("AuthorizationUsed(address,bytes32)")
        );
        assert_eq!(
            AUTHORIZATION_CANCELED,
            keccak256("AuthorizationCanceled(address,bytes32)")
        );
        assert_eq!(TRANSFER, keccak256("Transfer(address,address,uint256)"));
    }

    #[test]
    fn events_of_another_form_are_not_the_standards() {
        let transfer = transfer(TOKEN, PAYER, PAYEE, 5, 0);
        assert!(Event::read(&transfer).is_some());
        let mut indexed_value = transfer.clone();
        indexed_value.topics.push(B256::ZERO);
        let mut dirty_address = transfer.clone();
        dirty_address.topics[1].0[0] = 1;
        let mut short = transfer.clone();
        short.data = Bytes::from(vec![0; 31]);
        let mut long = transfer;
        long.data = Bytes::from(vec![0; 64]);
        let mut packed = used(TOKEN, PAYER, B256::ZERO, 0);
        packed.data = Bytes::from(vec![0; 32]);
        for log in [indexed_value, dirty_address, short, long, packed] {
            assert_eq!(Event::read(&log), None, "{log:?}");
        }
    }
}
