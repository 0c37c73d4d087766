use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::failure::Failure;

/// Connections that the system takes before the server does.
const BACKLOG: u32 = 1024;

/// An address that nobody else can listen on, and where nobody is let in before the server is ready:
/// the dialogue may take long.
#[derive(Debug)]
pub struct Reserved(TcpSocket);

/// Takes the first address that can be had.
///
/// # Errors
/// Why the first one cannot.
pub async fn reserve(addresses: &[String]) -> Result<Reserved, Failure> {
    let mut first = None;
    for address in addresses {
        match bind(address).await {
            Ok(socket) => return Ok(Reserved(socket)),
            Err(error) => first = first.or(Some((address, error))),
        }
    }
    match first {
        None => Err(Failure::usage("there is no address to listen on")),
        Some((address, error)) => Err(failed(address, &error)),
    }
}

async fn bind(address: &str) -> io::Result<TcpSocket> {
    let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in lookup_host(address).await? {
        match bind_to(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bind_to(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that ended lately leaves connections behind.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn failed(address: &str, error: &io::Error) -> Failure {
    let failure = Failure::other(format!("cannot listen on {address}: {error}"));
    match error.kind() {
        ErrorKind::AddrInUse => {
            failure.cure("stop the program that uses the port, or choose another with ORGSHARE_AUTH_LISTEN, the settings, or run --listen")
        }
        ErrorKind::PermissionDenied => failure.cure("choose a port above 1023"),
        _ => failure.cure("choose an address of this machine with --listen"),
    }
}

impl Reserved {
    /// The address, with the port that the system chose if none was named.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Lets connections in.
    ///
    /// # Errors
    /// When somebody else began to listen there meanwhile.
    pub fn listen(self) -> Result<TcpListener, Failure> {
        let address = self.local_addr().map(|address| address.to_string());
        let listening = self.0.listen(BACKLOG);
        listening.map_err(|error| failed(&address.unwrap_or_default(), &error))
    }
}
