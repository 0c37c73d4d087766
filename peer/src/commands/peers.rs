//! `peer peers`

use common::name::Escaped;

use super::login;
use crate::auth_client::directory::Listing;
use crate::clock;
use crate::events::{Device, Online};
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::revalidation::Revalidation;

/// Digits of a device's number that tell it from the others.
const SHOWN_DIGITS: usize = 8;

/// Who is online, as it is told.
pub struct Shown {
    /// Lines for standard output; none when nobody is online.
    pub lines: Option<String>,
    /// What is wrong with the server's answer.
    pub warning: Option<String>,
}

/// Asks who is online.
///
/// # Errors
/// When nobody is logged in, or the server cannot be reached.
pub fn run(store: &IdentityStore, json: bool) -> Result<Shown, Failure> {
    let root = store.root()?;
    store.valid_credentials(&root, clock::now())?;
    let device = Device {
        store: store.clone(),
        servers: login::servers(store, &[])?,
        root,
    };
    let listing = match device.client()?.peers(None) {
        // The server may know of a change of role that this device has not heard of.
        Err(failure) if failure.exit == Exit::NotTrusted => {
            let mut newest = Revalidation::start(store, &device.root, Some(&device.servers))?;
            newest.learn();
            newest.own(Some(&device.servers))?;
            device.client()?.peers(None)
        }
        listing => listing,
    };
    let Listing { peers, left_out } = listing?;
    let lines = match json {
        true => json_lines(&peers)?,
        false => table(&peers),
    };
    Ok(Shown {
        lines: (!peers.is_empty()).then_some(lines),
        warning: (left_out > 0).then(|| {
            format!("{left_out} entries of the auth server's answer are not of their form and left out; tell your administrator")
        }),
    })
}

fn json_lines(peers: &[Online]) -> Result<String, Failure> {
    let lines: Result<Vec<String>, _> = peers.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
    Ok(lines.join("\n"))
}

/// What a device is called after its owner's alias: its name, else its number.
pub fn device_name(online: &Online) -> String {
    match online.name.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => number(online),
    }
}

/// The beginning of a device's number.
pub fn number(online: &Online) -> String {
    online.device.chars().take(SHOWN_DIGITS).collect()
}

fn table(peers: &[Online]) -> String {
    let head = ["ALIAS", "DEVICE", "ROLE", "ADDRESS", "SINCE"].map(str::to_owned);
    let rows = peers.iter().map(|online| {
        let address = online.addresses.first().map_or("-", String::as_str);
        let device = format!("{} ({})", device_name(online), number(online));
        let (alias, role, since) = (&online.alias, &online.role, &online.since);
        [alias, device.as_str(), role, address, since].map(|cell| Escaped(cell).to_string())
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_line_for_each_device_and_nothing_that_moves_the_cursor() {
        let online = Online {
            alias: "bob".into(),
            device: "0123456789abcdef".into(),
            name: Some("laptop".into()),
            role: "member".into(),
            addresses: vec!["192.0.2.7:1990\u{1b}[2J".into(), "host:1".into()],
            shares: vec![],
            suites: vec![],
            since: "2026-11-21T05:15:00Z".into(),
        };
        let nameless = Online {
            alias: "alice".into(),
            name: None,
            addresses: vec![],
            ..online.clone()
        };
        let table = table(&[nameless, online]);
        assert!(!table.contains('\u{1b}'));
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("ALIAS  DEVICE               ROLE    ADDRESS"));
        assert!(lines[1].starts_with("alice  01234567 (01234567)  member  -"));
        assert!(lines[2].starts_with("bob    laptop (01234567)    member  192.0.2.7:1990"));
        assert_eq!(lines.len(), 3);
    }
}
