//! `root show|fingerprint|export`.

use std::net::{IpAddr, SocketAddr};

use common::identity::OrgRoot;
use common::limits::AUTH_SERVER_PORT;
use root_ca::Host;

use crate::config::Given;
use crate::failure::Failure;
use crate::home::{Home, certificate_pem};
use crate::tls::host_names;
use crate::ui;

/// Shows the organisation, the fingerprint, and the line to paste on a device.
///
/// # Errors
/// When the settings cannot be read.
pub fn show(home: &Home, root: &OrgRoot) -> Result<(), Failure> {
    let url = url(&home.config(&Given::new())?.hosts, None);
    ui::trust_line(root.display_name(), &root.fingerprint().to_string(), &url);
    Ok(())
}

/// Prints the root certificate in PEM.
///
/// # Errors
/// When it cannot be read.
pub fn export(home: &Home) -> Result<(), Failure> {
    ui::raw(&certificate_pem(home.root()?.certificate())?);
    Ok(())
}

/// The URL that devices use: of the operator's first name, else the machine's; of the address
/// itself when only this machine can reach it.
pub fn url(configured: &[Host], bound: Option<SocketAddr>) -> String {
    let port = bound.map_or(AUTH_SERVER_PORT, |address| address.port());
    let loopback = bound
        .map(|address| address.ip().to_canonical())
        .filter(IpAddr::is_loopback);
    let host = match loopback {
        Some(address) => Some(Host::Address(address)),
        None => host_names(configured).into_iter().next(),
    };
    let host = host.map_or_else(|| "localhost".to_owned(), |host| host.to_string());
    format!("https://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_names_what_devices_can_reach() {
        let hosts = ["auth.example".parse().unwrap()];
        assert_eq!(url(&hosts, None), "https://auth.example:12565");
        let bound = |text: &str| Some(text.parse().unwrap());
        assert_eq!(url(&hosts, bound("[::]:443")), "https://auth.example:443");
        assert_eq!(url(&hosts, bound("127.0.0.1:5")), "https://127.0.0.1:5");
        assert_eq!(url(&hosts, bound("[::1]:5")), "https://[::1]:5");
    }
}
