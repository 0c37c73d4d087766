//! From how a peer is named to where it may be.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use common::identity::Alias;
use common::name::Escaped;

use crate::address::PeerAddress;
use crate::commands::peers::{device_name, number};
use crate::connection::{ConnectError, resolve};
use crate::events::{Device, Online};
use crate::failure::{Exit, Failure};

use super::dial::explain;

/// How long the names that a device announces may take to mean something here.
const RESOLVING: Duration = Duration::from_secs(5);

/// Devices that somebody who has too many of them is told of.
const MAX_NAMED: usize = 8;

/// Digits of a number that choose a device.
const MIN_DIGITS: usize = 4;

/// Where a peer may be; who answers there is looked at behind.
pub(super) struct Found {
    /// Its addresses.
    pub(super) addresses: Vec<SocketAddr>,
    /// The peer itself told them. A private one may mean another machine here than there.
    pub(super) are_announced: bool,
}

/// Looks for a peer.
///
/// # Errors
/// When its host has no address, or the person is not online, or with several devices.
pub(super) fn find(peer: &PeerAddress, device: Option<&Device>) -> Result<Found, Failure> {
    match peer {
        PeerAddress::Host { host, port } => (host.as_str(), *port)
            .to_socket_addrs()
            .map(|addresses| Found {
                addresses: addresses.collect(),
                are_announced: false,
            })
            .map_err(|error| explain(&peer.to_string(), ConnectError::Dial(error))),
        PeerAddress::Member {
            alias,
            device: which,
        } => {
            let directory = device.ok_or_else(no_server)?.client()?;
            let listed = directory.peers(Some(alias)).map_err(without_server)?;
            let online = choose(listed.peers, alias, which.as_deref())?;
            Ok(Found {
                addresses: addresses(&online)?,
                are_announced: true,
            })
        }
    }
}

/// Who knows where the peer is needs nobody to find it.
fn without_server(failure: Failure) -> Failure {
    if failure.exit != Exit::Unreachable {
        return failure;
    }
    let more = "peer get HOST:PORT:PATH goes on without it";
    let hint = match &failure.hint {
        Some(hint) => format!("{hint}; {more}"),
        None => more.to_owned(),
    };
    failure.hint(hint)
}

fn no_server() -> Failure {
    Failure::new(Exit::NotLoggedIn, "no auth server is known")
        .hint("log in with peer login --server, or give HOST:PORT")
}

/// The one device that is meant.
fn choose(peers: Vec<Online>, alias: &Alias, which: Option<&str>) -> Result<Online, Failure> {
    let theirs: Vec<Online> = peers
        .into_iter()
        .filter(|online| online.alias == alias.as_str())
        .collect();
    if let Some(which) = which
        && !theirs.is_empty()
        && !theirs.iter().any(|online| is_named(online, which))
    {
        return Err(no_such(alias, &theirs));
    }
    let mut theirs: Vec<Online> = theirs
        .into_iter()
        .filter(|online| which.is_none_or(|which| is_named(online, which)))
        .collect();
    match (theirs.pop(), theirs.is_empty()) {
        (None, _) => Err(absent(alias, which)),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            theirs.push(last);
            Err(several(alias, &theirs))
        }
    }
}

fn is_named(online: &Online, which: &str) -> bool {
    let by_number = which.len() >= MIN_DIGITS && online.device.starts_with(which);
    by_number || online.name.as_deref() == Some(which)
}

fn absent(alias: &Alias, which: Option<&str>) -> Failure {
    let what = which.map_or(alias.to_string(), |which| format!("{alias}/{which}"));
    Failure::new(Exit::Unreachable, format!("{what} is not online"))
        .hint("see peer peers; a device is listed while peer serve runs there; or give HOST:PORT")
}

fn no_such(alias: &Alias, theirs: &[Online]) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format!(
            "no such device of {alias}; online: {}",
            names(alias, theirs)
        ),
    )
    .hint("see peer peers; a device is listed while peer serve runs there")
}

fn several(alias: &Alias, theirs: &[Online]) -> Failure {
    let (count, names) = (theirs.len(), names(alias, theirs));
    let told = format!("{alias} has {count} devices online: {names}");
    Failure::new(Exit::Usage, told).hint("write which one is meant")
}

/// Devices of one name are told by their numbers.
fn names(alias: &Alias, theirs: &[Online]) -> String {
    let mut names: Vec<String> = theirs
        .iter()
        .take(MAX_NAMED)
        .map(|online| {
            let name = device_name(online);
            let same = theirs.iter().filter(|other| device_name(other) == name);
            let shown = if same.count() == 1 {
                name
            } else {
                number(online)
            };
            format!("{alias}/{}", Escaped(&shown))
        })
        .collect();
    if theirs.len() > MAX_NAMED {
        names.push("...".into());
    }
    names.join(", ")
}

fn addresses(online: &Online) -> Result<Vec<SocketAddr>, Failure> {
    let found = resolve(&online.addresses, RESOLVING);
    if found.is_empty() {
        return Err(Failure::new(
            Exit::Unreachable,
            format!("{} announces no address that can be used", online.alias),
        )
        .hint("give HOST:PORT"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(alias: &str, device: &str, name: Option<&str>) -> Online {
        Online {
            alias: alias.into(),
            device: device.into(),
            name: name.map(str::to_owned),
            role: "member".into(),
            addresses: vec!["127.0.0.1:1990".into()],
            shares: vec![],
            suites: vec![],
            since: "2026-11-21T05:15:00Z".into(),
        }
    }

    fn peers() -> Vec<Online> {
        vec![
            online("alice", "00aa11bb22", Some("laptop")),
            online("bob", "0123456789", Some("laptop")),
            online("bob", "0987654321", Some("desk")),
            online("carol", "1111111111", Some("box")),
            online("carol", "2222222222", Some("box")),
            online("dave", "3333333333", None),
        ]
    }

    fn chosen(alias: &str, which: Option<&str>) -> Result<String, Failure> {
        choose(peers(), &alias.parse().unwrap(), which).map(|online| online.device)
    }

    #[test]
    fn a_device_is_chosen_by_its_owner_its_name_or_its_number() {
        assert_eq!(chosen("alice", None).unwrap(), "00aa11bb22");
        assert_eq!(chosen("dave", None).unwrap(), "3333333333");
        assert_eq!(chosen("bob", Some("desk")).unwrap(), "0987654321");
        assert_eq!(chosen("bob", Some("0123")).unwrap(), "0123456789");
        assert_eq!(chosen("carol", Some("22222222")).unwrap(), "2222222222");
    }

    #[test]
    fn who_has_several_devices_online_is_told_how_to_choose() {
        let told = chosen("bob", None).unwrap_err();
        assert_eq!(told.exit, Exit::Usage);
        assert!(told.message.contains("bob/laptop, bob/desk"), "{told}");
        let told = chosen("carol", Some("box")).unwrap_err();
        let numbers = "carol/11111111, carol/22222222";
        assert!(told.message.contains(numbers), "{told}");
    }

    #[test]
    fn who_is_not_online_is_said_not_to_be() {
        for (alias, which) in [
            ("eve", None),
            ("alice", Some("desk")),
            ("bob", Some("012")),
            ("bob", Some("")),
        ] {
            let told = chosen(alias, which).unwrap_err();
            assert_eq!(told.exit, Exit::Unreachable, "{alias} {which:?}");
        }
        let told = chosen("bob", Some("phone")).unwrap_err();
        let devices = "no such device of bob; online: bob/laptop, bob/desk";
        assert_eq!(told.message, devices);
    }

    #[test]
    fn who_reaches_no_server_is_told_what_goes_on_without_one() {
        let away = Failure::new(Exit::Unreachable, "away").hint("wait");
        let told = without_server(away).to_string();
        assert_eq!(
            told,
            "away; wait; peer get HOST:PORT:PATH goes on without it"
        );
        let refused = Failure::new(Exit::NotTrusted, "no");
        assert_eq!(without_server(refused.clone()), refused);
    }

    #[test]
    fn who_announces_no_address_that_is_one_cannot_be_reached() {
        let mut hostile = online("mallory", "00", None);
        hostile.addresses = vec!["no address".into(), "127.0.0.1:1990".into()];
        let found = addresses(&hostile).unwrap();
        assert_eq!(found, ["127.0.0.1:1990".parse().unwrap()]);
        hostile.addresses = vec!["".into()];
        assert_eq!(addresses(&hostile).unwrap_err().exit, Exit::Unreachable);
    }

    #[test]
    fn a_crowd_of_devices_is_counted_and_not_all_told() {
        let crowd: Vec<Online> = (0..500)
            .map(|n| online("bob", &format!("{n:032x}"), Some("laptop")))
            .collect();
        let told = choose(crowd, &"bob".parse().unwrap(), None).unwrap_err();
        assert!(told.message.starts_with("bob has 500 devices online"));
        assert!(told.message.len() < 300, "{told}");
    }
}
