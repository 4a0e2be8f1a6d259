//! Whose request it is: the peer, or whom a trusted proxy says it speaks for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// A network such as `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    mask: u128,
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<Network>);

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Network, ()> {
        let (address, length) = text
            .split_once('/')
            .map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(bits), str::parse).map_err(|_| ())?;
        if length > bits {
            return Err(());
        }
        let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
        Ok(Network {
            address: number(address) & mask,
            mask,
        })
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        number(address) & self.mask == self.address
    }
}

impl TrustedProxies {
    /// The client: the last address on the way that is no proxy of ours. What stands before it was written
    /// by the client and may be anything.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let told = headers
            .get_all(FORWARDED_FOR)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let mut way: Vec<&str> = told.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut client = peer;
        while self.trusts(client) {
            let Some(Ok(before)) = way.pop().map(str::parse) else {
                break;
            };
            client = before;
        }
        canonical(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// IPv4 within IPv6, so that both are one number line.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What counts as one caller: an IPv6 customer has a whole /64 to write from.
fn canonical(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = u128::MAX << 64;
    match address {
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(Ipv4Addr::from(four.octets())),
            None => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & NETWORK)),
        },
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = TrustedProxies(
            ["127.0.0.0/8", "::1", "10.1.0.0/16"]
                .iter()
                .map(|n| n.parse().unwrap())
                .collect(),
        );
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("127.0.0.1", &["1.2.3.4, 198.51.100.1, 10.1.2.3"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("::ffff:127.0.0.1", &["1.2.3.4", "198.51.100.1"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn without_or_with_a_broken_list_the_proxy_itself_counts() {
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("10.1.0.1", &["1.2.3.4, unknown"]), "10.1.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        assert_eq!(
            client("2001:db8:1:2:aaaa::1", &[]),
            client("2001:db8:1:2:bbbb::2", &[])
        );
        assert_ne!(client("2001:db8:1:2::1", &[]), client("2001:db8:1:3::1", &[]));
    }

    #[test]
    fn a_network_is_an_address_and_a_length_within_its_bits() {
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/"] {
            assert_eq!(bad.parse::<Network>(), Err(()), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
    }
}
