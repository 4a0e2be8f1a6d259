//! Ports for programs that are told where to listen.
//!
//! A port that the system chooses and that is let go again can be given to anybody's next outgoing connection before
//! the program listens on it. These lie below the range that Linux gives out (`ip_local_port_range`, from 32768), and
//! no two callers of a process get the same.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

const PORTS: Range<u16> = 10_000..32_000;

/// Keeps processes that run at once apart: each begins this far from the one with the next number, and those with near
/// numbers far from each other.
const STRIDE: u32 = 13_597;

static GIVEN: AtomicU16 = AtomicU16::new(0);

/// An address of this machine on which nobody listens.
///
/// # Errors
/// Every port of the range is taken.
pub fn free_address() -> Result<SocketAddr> {
    Ok(free_listener()?.local_addr()?)
}

/// The same, listened on, for a program of this process.
///
/// # Errors
/// Every port of the range is taken.
pub fn free_listener() -> Result<TcpListener> {
    let size = PORTS.end - PORTS.start;
    let offset = std::process::id().wrapping_mul(STRIDE) % u32::from(size);
    (0..size)
        .map(|_| u32::from(GIVEN.fetch_add(1, Ordering::Relaxed) % size))
        .map(|given| u32::from(PORTS.start) + (offset + given) % u32::from(size))
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find_map(|address| TcpListener::bind(address).ok())
        .with_context(|| format!("every port of {PORTS:?} is taken"))
}
