//! One endpoint, one file.

pub mod healthz;
pub mod metrics;
pub mod openapi;
pub mod root_crl;
pub mod root_crt;
pub mod verify;
