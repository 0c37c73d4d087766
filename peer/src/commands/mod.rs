//! One command, one file. Each takes checked options and returns what to print or a failure.

pub mod get;
pub mod login;
pub mod logout;
pub mod passwd;
pub mod peers;
pub mod profile;
pub mod renew;
pub mod serve;
pub mod tries;
pub mod trust;
pub mod whoami;
