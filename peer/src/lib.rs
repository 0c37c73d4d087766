//! The orgshare peer: listener and requester.

pub mod address;
pub mod auth_client;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod connection;
pub mod device_key;
pub mod events;
pub mod failure;
pub mod home;
pub mod identity_store;
pub mod interactive;
pub mod key_request;
pub mod listener;
pub mod offline;
pub mod options;
pub mod renewal;
pub mod revalidation;
pub mod run;
pub mod servers;
pub mod share;
pub mod signals;
pub mod transfer;
pub mod ui;
