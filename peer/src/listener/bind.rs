use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use common::name::Escaped;

use crate::failure::{Exit, Failure, reason};

/// Listens on `port` (0: any free one) of every address of `host`, or of all addresses of both
/// families: the sockets, and the port.
///
/// # Errors
/// When the host does not resolve or the port is taken.
pub fn bind(host: Option<&str>, port: u16) -> Result<(Vec<TcpListener>, u16), Failure> {
    let sockets = match host {
        Some(host) => bind_host(host, port),
        // One socket for both families; a machine without IPv6 has only the other.
        None => bind_all(&[Ipv6Addr::UNSPECIFIED.into()], port)
            .or_else(|_| bind_all(&[Ipv4Addr::UNSPECIFIED.into()], port)),
    };
    let sockets = sockets.map_err(|error| cannot_listen(host, port, &error))?;
    let bound = sockets
        .first()
        .and_then(|socket| socket.local_addr().ok())
        .map_or(port, |address| address.port());
    Ok((sockets, bound))
}

fn bind_host(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let addresses: Vec<IpAddr> = (host, port)
        .to_socket_addrs()?
        .map(|address| address.ip())
        .collect();
    bind_all(&addresses, port)
}

/// The first address decides; further ones (`localhost` has two) may be missing on a machine, but
/// must not belong to another program.
fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut sockets = Vec::new();
    let mut port = port;
    for address in addresses {
        match TcpListener::bind(SocketAddr::new(*address, port)) {
            Ok(socket) => {
                port = socket.local_addr()?.port();
                sockets.push(socket);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok(sockets)
}

fn cannot_listen(host: Option<&str>, port: u16, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrInUse => Failure::new(Exit::Other, format!("port {port} is in use"))
            .hint("choose another, or stop the program that uses it"),
        io::ErrorKind::PermissionDenied => Failure::new(
            Exit::Other,
            format!("port {port} is reserved for the system"),
        )
        .hint("choose one above 1023 with --port"),
        _ => Failure::new(
            Exit::Other,
            format!(
                "cannot listen on {}: {}",
                Escaped(host.unwrap_or("all addresses")),
                reason(error)
            ),
        )
        .hint("check --bind"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_said_so() {
        let (_held, port) = bind(Some("127.0.0.1"), 0).unwrap();
        let failure = bind(Some("127.0.0.1"), port).unwrap_err();
        assert_eq!(failure.message, format!("port {port} is in use"));
    }

    #[test]
    fn localhost_is_bound_in_every_family_the_machine_has_with_one_port() {
        let (sockets, port) = bind(Some("localhost"), 0).unwrap();
        assert!(!sockets.is_empty());
        for socket in sockets {
            assert_eq!(socket.local_addr().unwrap().port(), port);
        }
    }
}
