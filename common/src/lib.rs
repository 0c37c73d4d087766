//! The protocol of orgshare, pure: bytes and the time go in, bytes and events come out.
//!
//! Nothing here opens a socket or a file, or reads a clock.

#![warn(clippy::as_conversions)]

pub mod crl;
pub mod crypto;
pub mod digest;
pub mod frame;
pub mod handshake;
pub mod identity;
pub mod limits;
pub mod message;
pub mod name;
pub mod password;
pub mod session;
pub mod wire;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
