//! Where others reach a listener.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// The addresses of these sockets; of one that listens on all, those of the machine's interfaces.
pub fn reachable(sockets: &[TcpListener]) -> Vec<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let interfaces: Vec<IpAddr> = interfaces
        .into_iter()
        .map(|interface| interface.ip())
        .collect();
    let mut reachable = Vec::new();
    for bound in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
        for ip in meant_by(bound.ip(), &interfaces) {
            let address = SocketAddr::new(ip, bound.port());
            if !reachable.contains(&address) {
                reachable.push(address);
            }
        }
    }
    reachable
}

/// An IPv6 socket on all addresses takes IPv4 too. An address that means nothing elsewhere is told
/// only where there is no other.
fn meant_by(bound: IpAddr, interfaces: &[IpAddr]) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound.to_canonical()];
    }
    let fits = |ip: &IpAddr| bound.is_ipv6() || ip.is_ipv4();
    let elsewhere = |ip: &IpAddr| !ip.is_loopback() && !is_link_local(ip);
    let mut meant: Vec<IpAddr> = interfaces.to_vec();
    meant.retain(|ip| fits(ip) && elsewhere(ip));
    if meant.is_empty() {
        meant.push(Ipv4Addr::LOCALHOST.into());
    }
    meant
}

/// Such an address means nothing without an interface.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_listener_on_all_addresses_tells_those_that_mean_something_elsewhere() {
        let interfaces = ips(&[
            "127.0.0.1",
            "192.0.2.7",
            "169.254.1.1",
            "::1",
            "2001:db8::7",
            "fe80::1",
        ]);
        let all = |bound: &str| meant_by(bound.parse().unwrap(), &interfaces);
        assert_eq!(all("::"), ips(&["192.0.2.7", "2001:db8::7"]));
        assert_eq!(all("0.0.0.0"), ips(&["192.0.2.7"]));
        assert_eq!(all("127.0.0.1"), ips(&["127.0.0.1"]));
        assert_eq!(all("::ffff:192.0.2.9"), ips(&["192.0.2.9"]));
        let alone = meant_by("::".parse().unwrap(), &ips(&["127.0.0.1", "::1"]));
        assert_eq!(alone, ips(&["127.0.0.1"]));
    }
}
