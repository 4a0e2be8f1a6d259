//! Networks: EVM chains under the many names that x402 messages use for them.

use std::fmt;
use std::str::FromStr;

/// The names of upstream's v1 SDKs. Their schemas are closed lists: a v1 message under any other name is
/// refused whole.
const V1_NAMES: &[(&str, u64)] = &[
    ("ethereum", 1),
    ("sepolia", 11_155_111),
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

/// Further names in use: OKX's spellings of X Layer, which has no upstream name, and the short names of
/// InsForge's guide. Lower case, spaces as dashes.
const OTHER_NAMES: &[(&str, u64)] = &[
    ("x-layer", 196),
    ("xlayer", 196),
    ("x-layer-testnet", 1952),
    ("xlayer-testnet", 1952),
    ("optimism", 10),
    ("arbitrum", 42_161),
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

    /// The name that v1 messages use for the chain (x402 v1, "Network"); `None` where upstream has none, and
    /// v1 messages carry CAIP-2.
    pub fn v1_name(self) -> Option<&'static str> {
        V1_NAMES
            .iter()
            .find(|(_, id)| *id == self.0)
            .map(|(name, _)| *name)
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
        V1_NAMES
            .iter()
            .chain(OTHER_NAMES)
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
            assert_eq!(Network::new(id).v1_name(), Some(name));
        }
        assert_eq!(Network::X_LAYER.v1_name(), None);
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
