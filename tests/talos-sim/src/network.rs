//! Loopback addresses: every simulator takes a 127.x.y.0/24 of its own, so that many run side
//! by side, each node on Talos' real port.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use tokio::net::TcpSocket;

use crate::error::Error;

/// apid's port.
pub const APID_PORT: u16 = 50000;
/// etcd's port for clients.
pub const ETCD_CLIENT_PORT: u16 = 2379;
/// etcd's port for its peers.
pub const ETCD_PEER_PORT: u16 = 2380;

const ATTEMPTS: usize = 64;

/// A network nobody else has, as long as this lives.
pub(crate) struct Network {
    base: [u8; 2],
    /// Bound to the network's .1 and never listening: the claim on it.
    _claim: TcpSocket,
}

impl Network {
    /// Claims a network and binds apid's port on the first `nodes` addresses.
    pub(crate) fn claim(nodes: usize) -> Result<(Self, Vec<TcpListener>), Error> {
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            // Three digits each: addresses of one length, so that tables and broken lines are
            // the same in every run.
            let base = [rand::random_range(100..=254), rand::random_range(100..=255)];
            match Self::try_claim(base, nodes) {
                Ok(claimed) => return Ok(claimed),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Error::new(format!(
            "no free 127.x.y.0/24 after {ATTEMPTS} attempts: {last}"
        )))
    }

    fn try_claim(base: [u8; 2], nodes: usize) -> std::io::Result<(Self, Vec<TcpListener>)> {
        let claim = TcpSocket::new_v4()?;
        claim.bind(SocketAddr::V4(SocketAddrV4::new(
            Ipv4Addr::new(127, base[0], base[1], 1),
            APID_PORT,
        )))?;
        let network = Self {
            base,
            _claim: claim,
        };
        let listeners = (0..nodes)
            .map(|node| TcpListener::bind((network.address(node), APID_PORT)))
            .collect::<std::io::Result<Vec<_>>>()?;
        // A stray etcd of someone else would be joined by ours.
        for node in 0..nodes {
            for port in [ETCD_CLIENT_PORT, ETCD_PEER_PORT] {
                drop(TcpListener::bind((network.address(node), port))?);
            }
        }
        Ok((network, listeners))
    }

    /// The address of a node, counted from 0: .2, .3, and so on.
    pub(crate) fn address(&self, node: usize) -> Ipv4Addr {
        let last = u8::try_from(node + 2).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, self.base[0], self.base[1], last)
    }
}
