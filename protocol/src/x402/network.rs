//! Networks: EVM chains under the many names that x402 messages use for them.

use std::fmt;
use std::str::FromStr;

/// Names seen for chain ids besides CAIP-2: upstream's v1 names, OKX's spellings of X Layer (which has no
/// upstream name), and the short names of InsForge's guide. Lower case, spaces as dashes.
const NAMES: &[(&str, u64)] = &[
    ("x-layer", 196),
    ("xlayer", 196),
    ("x-layer-testnet", 1952),
    ("xlayer-testnet", 1952),
    ("ethereum", 1),
    ("sepolia", 11_155_111),
    ("optimism", 10),
    ("arbitrum", 42_161),
    ("abstract", 2741),
    ("abstract-testnet", 11_124),
    ("base", 8453),
    ("base-sepolia", 84_532),
    ("avalanche", 43_114),
    ("avalanche-fuji", 43_113),
    ("iotex", 4689),
    ("sei", 1329),
    ("sei-testnet", 1328),
    ("polygon", 137),
    ("polygon-amoy", 80_002),
    ("peaq", 3338),
    ("story", 1514),
    ("educhain", 41_923),
    ("skale-base-sepolia", 324_705_682),
    ("megaeth", 4326),
    ("monad", 143),
    ("stable", 988),
    ("stable-testnet", 2201),
];

/// An EVM chain. Its canonical text, given by `Display`, is CAIP-2: `eip155:196`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(u64);

/// A network name that stands for no EVM chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known EVM network; use CAIP-2 such as eip155:196")]
pub struct UnknownNetwork;

impl Network {
    /// X Layer, the chain OKX settles on.
    pub const X_LAYER: Self = Self(196);

    /// The chain with this id.
    pub const fn new(chain_id: u64) -> Self {
        Self(chain_id)
    }

    /// The chain id.
    pub const fn chain_id(self) -> u64 {
        self.0
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;

    /// Reads CAIP-2 (`eip155:196`), a bare chain id (`196`, OKX's `chainIndex`) or one of the names in use.
    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        let id = text.strip_prefix("eip155:").unwrap_or(text);
        if id.bytes().all(|b| b.is_ascii_digit()) {
            let canonical = !id.starts_with('0');
            return id
                .parse()
                .ok()
                .filter(|_| canonical)
                .map(Self)
                .ok_or(UnknownNetwork);
        }
        let name = text.to_lowercase().replace(' ', "-");
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, id)| Self(*id))
            .ok_or(UnknownNetwork)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eip155:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_x_layer_is_one_network() {
        for name in [
            "eip155:196",
            "196",
            "x-layer",
            "xlayer",
            "X Layer",
            "XLayer",
            "X-LAYER",
        ] {
            assert_eq!(name.parse(), Ok(Network::X_LAYER), "{name}");
        }
        assert_eq!(Network::X_LAYER.to_string(), "eip155:196");
    }

    #[test]
    fn v1_names_stand_for_their_chains() {
        for (name, id) in [
            ("base", 8453),
            ("base-sepolia", 84_532),
            ("polygon", 137),
            ("sei", 1329),
        ] {
            assert_eq!(name.parse(), Ok(Network::new(id)), "{name}");
        }
    }

    #[test]
    fn other_namespaces_and_sloppy_ids_are_not_networks() {
        for name in [
            "",
            "eip155:",
            "eip155:0",
            "eip155:0196",
            "0",
            "eip155:-1",
            "eip155:+1",
            "solana:mainnet",
            "eip155:18446744073709551616",
            "eip155:196 ",
            "EIP155:196",
            "eip155:xlayer",
        ] {
            assert_eq!(name.parse::<Network>(), Err(UnknownNetwork), "{name:?}");
        }
    }
}
