//! One endpoint, one file.

pub mod admin;
pub mod body;
pub mod healthz;
pub mod root_crl;
pub mod root_crt;
pub mod verify;
