//! `root show|fingerprint|export`.

use std::net::SocketAddr;

use common::identity::OrgRoot;
use common::limits::AUTH_SERVER_PORT;
use root_ca::Host;

use crate::config::Given;
use crate::failure::Failure;
use crate::home::{Home, certificate_pem};
use crate::tls::host_names;
use crate::ui;

/// What a machine calls itself.
const LOCALHOST: &str = "localhost";

/// Shows the organisation, the fingerprint, and the line to paste on a device.
///
/// # Errors
/// When the settings cannot be read.
pub fn show(home: &Home, root: &OrgRoot, given: &Given) -> Result<(), Failure> {
    let config = home.config(given)?;
    let url = url(&config.hosts, Listening::configured(&config.listen));
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

/// Where a server listens, as far as its settings say it or the system does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The one address, or the name of this machine for itself; none for all addresses.
    host: Option<Host>,
    port: u16,
}

impl From<SocketAddr> for Listening {
    fn from(bound: SocketAddr) -> Self {
        let ip = bound.ip().to_canonical();
        Self {
            host: (!ip.is_unspecified()).then_some(Host::Address(ip)),
            port: bound.port(),
        }
    }
}

impl Listening {
    /// The first of the addresses in the settings.
    fn configured(listen: &[String]) -> Option<Self> {
        let first = listen.first()?;
        if let Ok(address) = first.parse::<SocketAddr>() {
            return Some(address.into());
        }
        let (name, port) = first.rsplit_once(':')?;
        Some(Self {
            // Another name is not in the server's certificate for being listened on.
            host: (name == LOCALHOST).then(|| Host::Name(name.to_owned())),
            port: port.parse().ok()?,
        })
    }

    /// When only this machine can reach it.
    fn is_local(&self) -> bool {
        match &self.host {
            Some(Host::Address(address)) => address.is_loopback(),
            Some(Host::Name(_)) => true,
            None => false,
        }
    }
}

/// The URL that devices use: of the operator's first name, else of the one address that the server
/// listens on, else of the machine's name; of the address itself when only this machine can reach
/// it.
pub fn url(configured: &[Host], listening: Option<Listening>) -> String {
    let is_local = listening.as_ref().is_some_and(Listening::is_local);
    let port = listening.as_ref().map_or(AUTH_SERVER_PORT, |at| at.port);
    let only = listening.and_then(|at| at.host);
    let host = match only {
        Some(only) if is_local || configured.is_empty() => Some(only),
        _ => host_names(configured).into_iter().next(),
    };
    let host = host.map_or_else(|| LOCALHOST.to_owned(), |host| host.to_string());
    format!("https://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_names_what_devices_can_reach() {
        let hosts = ["auth.example".parse().unwrap()];
        assert_eq!(url(&hosts, None), "https://auth.example:12565");
        let bound = |text: &str| {
            let address: SocketAddr = text.parse().unwrap();
            Some(address.into())
        };
        assert_eq!(url(&hosts, bound("[::]:443")), "https://auth.example:443");
        assert_eq!(url(&hosts, bound("127.0.0.1:5")), "https://127.0.0.1:5");
        assert_eq!(url(&hosts, bound("[::1]:5")), "https://[::1]:5");
        assert_eq!(url(&hosts, bound("192.0.2.1:5")), "https://auth.example:5");
        assert_eq!(url(&[], bound("192.0.2.1:5")), "https://192.0.2.1:5");
    }

    #[test]
    fn the_settings_say_where_the_server_listens() {
        let hosts = ["auth.example".parse().unwrap()];
        for (listen, with, without) in [
            ("0.0.0.0:443", "https://auth.example:443", None),
            (
                "192.0.2.1:443",
                "https://auth.example:443",
                Some("https://192.0.2.1:443"),
            ),
            (
                "localhost:443",
                "https://localhost:443",
                Some("https://localhost:443"),
            ),
            ("a.example:443", "https://auth.example:443", None),
            ("[::1]:443", "https://[::1]:443", Some("https://[::1]:443")),
        ] {
            let at = || Listening::configured(&[listen.to_owned()]);
            assert_eq!(url(&hosts, at()), with, "{listen}");
            if let Some(without) = without {
                assert_eq!(url(&[], at()), without, "{listen}");
            }
        }
    }
}
