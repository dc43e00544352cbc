//! Addresses of the protected cluster.

use std::net::IpAddr;

/// A block of addresses, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// `10.96.0.0/12`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, bits.parse().ok()?),
            None => {
                let address: IpAddr = text.parse().ok()?;
                (address, if address.is_ipv4() { 32 } else { 128 })
            }
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    /// Pods and services of a Talos cluster, unless its machine config says otherwise.
    pub fn of_talos() -> Vec<Self> {
        let all = ["10.244.0.0/16", "10.96.0.0/12"];
        all.into_iter().filter_map(Self::parse).collect()
    }

    /// Whether this address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
            IpAddr::V6(address) => (address.to_bits(), false),
        };
        let ((own, own_kind), (other, other_kind)) = (wide(self.address), wide(address));
        let differing = (own ^ other).leading_zeros();
        own_kind == other_kind && differing >= u32::from(self.bits)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_block_only() {
        for (network, inside, outside) in [
            ("10.96.0.0/12", "10.111.255.255", "10.112.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("fd00::1", "fd00::1", "10.0.0.1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network}");
            assert!(!network.contains(outside.parse().unwrap()), "{network}");
        }
        for text in ["10.0.0.0/33", "x", "10.0.0.0/", "::/129"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
