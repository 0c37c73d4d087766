//! One endpoint, one file.

pub mod admin;
pub mod events;
pub mod healthz;
pub mod me;
pub mod metrics;
pub mod openapi;
pub mod password;
pub mod peers;
pub mod presence;
pub mod query;
pub mod renew;
mod responses;
pub mod root_crl;
pub mod root_crt;
pub mod verify;
