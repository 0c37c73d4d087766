//! Demo organisation, benchmarks, dissector and end-to-end tests of orgshare.
//!
//! The library runs the real programs: an [`organisation::Organisation`] is a real auth server in
//! a temporary folder, a [`device::Device`] a real peer with a folder of its own. Between them can
//! stand a [`proxy::Proxy`] that damages what it relays, and against them a [`rogue`] who presents
//! what [`foreign`] has forged, or a [`false_server::FalseServer`] in the auth server's place. Nothing here sleeps to wait: everything waits for a line, a frame
//! or an exit, and has a deadline.

pub mod authority;
pub mod bare_peer;
pub mod capture;
pub mod counts;
mod credulous;
pub mod device;
pub mod dialogue;
pub mod error;
pub mod false_server;
mod finished;
pub mod foreign;
pub mod forged_list;
pub mod frames;
pub mod https;
pub mod measure;
pub mod organisation;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod records;
pub mod rogue;
pub mod scratch;
pub mod stage;
pub mod subscriber;
mod system;
pub mod terminal;
pub mod ui;
