//! Ports that can be given up and taken again.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the range from which kernels hand out ports by themselves. A port out of that range may be taken by any
/// outgoing connection while its server is down; worse, a client that keeps knocking at a closed port of its own
/// machine sooner or later is given that very port to knock from, and TCP lets it connect to itself.
const PORTS: Range<u16> = 20_000..32_000;

const TRIES_MAX: usize = 200;

/// Listens on 127.0.0.1, at a port that stays ours to take again after the listener is closed.
pub fn listen() -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES_MAX {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(PORTS))) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}
