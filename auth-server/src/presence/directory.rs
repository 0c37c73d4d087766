//! Who is online. Pure: who listens, and what time it is, come in as values.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use common::identity::Alias;
use common::limits::{MAX_DEVICES_ONLINE, MAX_LISTING_BYTES, MAX_PERSON_LISTING_BYTES};
use root_ca::Serial;
use serde::Serialize;
use time::OffsetDateTime;

use super::announcement::Offer;
use super::pace::{Pace, Paced};
use super::who::Who;

/// How long an entry stands without a stream: time to open one.
const UNHEARD: Duration = Duration::from_secs(30);
/// What an answer has around its entries.
const LISTING_BYTES: usize = "{\"peers\":[]}".len();
/// Announcements of one device. An honest one makes one when it connects, and when its addresses change.
const PACE_OF_DEVICE: Pace = Pace {
    at_once: 10,
    then_every: Duration::from_secs(10),
};
/// Announcements of all devices of a person, which everybody who listens is told of: two of each at once,
/// for a server that comes back; then few, since 5,000 listeners make 40 MB of one of 8 KiB.
const PACE_OF_PERSON: Pace = Pace {
    at_once: 128,
    then_every: Duration::from_secs(5),
};

/// Bytes that everybody who listens is told of a person: all that may be shown of one at once, for a server
/// that comes back; then a kilobyte a second, so that nobody fills others' lines.
const BYTES_OF_PERSON: Pace = Pace {
    at_once: 64 * 1024,
    then_every: Duration::from_micros(977),
};
/// Bytes of answers that are not up to date any more and still on their way, and of the newest: some that
/// are as large as one may be. Who reads slowly while others announce themselves holds one each.
const MAX_LISTINGS_BYTES: usize = 4 * MAX_LISTING_BYTES;

/// A device that is online.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Online {
    alias: String,
    /// The serial number of the first certificate of the device's line.
    device: String,
    /// What the device says that it is called.
    name: Option<String>,
    role: String,
    /// Where it says that it listens.
    addresses: Vec<String>,
    shares: Vec<String>,
    suites: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    since: OffsetDateTime,
}

/// A device that is not online any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The person.
    pub alias: Alias,
    /// The first certificate of the device's line.
    pub device: Serial,
}

/// What others are to be told of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The entry, in JSON.
    Online(String),
    /// That it is gone.
    Offline(Gone),
}

/// Why a device gets no entry now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEntry {
    /// Its person has as many as one may have, or shows as much.
    TooMany,
    /// Device or person announced something too often.
    TooOften(Duration),
    /// There are as many as there may be, or as much is shown.
    Full,
}

#[derive(Debug)]
struct Entry {
    alias: Alias,
    /// The certificate that was shown.
    serial: Serial,
    since: OffsetDateTime,
    /// What others see of it, if they do.
    json: Option<String>,
    /// Until when it stands without a stream.
    until: Option<Instant>,
}

impl Entry {
    /// Bytes of an answer that it takes, its comma included.
    fn shown_bytes(&self) -> usize {
        shown_bytes(self.json.as_deref())
    }
}

fn shown_bytes(json: Option<&str>) -> usize {
    json.map_or(0, |json| json.len() + 1)
}

/// The entries, by device.
#[derive(Debug)]
pub struct Directory {
    entries: HashMap<Serial, Entry>,
    most: usize,
    by_device: Paced<Serial>,
    by_person: Paced<Alias>,
    told_of_person: Paced<Alias>,
    /// The answer to who asks, until something changes.
    listing: Option<Bytes>,
    on_their_way: Arc<AtomicUsize>,
}

/// An answer, which counts until the last one who is sent it has it or is gone.
#[derive(Debug)]
struct Listing {
    json: String,
    on_their_way: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Listing {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.on_their_way
            .fetch_sub(self.json.len(), Ordering::Relaxed);
    }
}

impl Directory {
    /// With room for so many.
    pub fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            most,
            by_device: Paced::new(PACE_OF_DEVICE),
            by_person: Paced::new(PACE_OF_PERSON),
            told_of_person: Paced::new(BYTES_OF_PERSON),
            listing: None,
            on_their_way: Arc::default(),
        }
    }

    /// How many entries there are, unlisted ones too.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets what a device offers; the entry stands while the device listens, or for a while.
    ///
    /// # Errors
    /// When it may not have one now.
    pub fn put(
        &mut self,
        who: &Who,
        offer: Offer,
        listens: bool,
        now: Instant,
        at: OffsetDateTime,
    ) -> Result<Change, NoEntry> {
        self.keep_pace(who, now)?;
        let before = self.entries.get(&who.device);
        let since = before.map_or(at, |before| before.since);
        let shown = before.and_then(|before| before.json.as_ref());
        let json = (!offer.unlisted).then(|| json(who, offer, since));
        self.check_room(who, json.as_deref())?;
        let change = match (shown, &json) {
            (Some(before), Some(json)) if before == json => Change::None,
            (_, Some(json)) => Change::Online(json.clone()),
            (Some(_), None) => Change::Offline(Gone {
                alias: who.alias.clone(),
                device: who.device,
            }),
            (None, None) => Change::None,
        };
        let entry = Entry {
            alias: who.alias.clone(),
            serial: who.serial,
            since,
            json,
            until: (!listens).then(|| now + UNHEARD),
        };
        self.entries.insert(who.device, entry);
        if change != Change::None {
            self.listing = None;
        }
        if let Change::Online(told) = &change {
            let bytes = u32::try_from(told.len()).unwrap_or(u32::MAX);
            self.told_of_person
                .spend_some(who.alias.clone(), bytes, now);
        }
        Ok(change)
    }

    fn keep_pace(&mut self, who: &Who, now: Instant) -> Result<(), NoEntry> {
        let of_device = self.by_device.wait(&who.device, now);
        let of_person = self.by_person.wait(&who.alias, now);
        let told = self.told_of_person.wait(&who.alias, now);
        if let Some(wait) = of_device.max(of_person).max(told) {
            return Err(NoEntry::TooOften(wait));
        }
        self.by_device.spend(who.device, now);
        self.by_person.spend(who.alias.clone(), now);
        Ok(())
    }

    /// Whether there is room for an entry that others see so, if they do: what is shown of a person, and of
    /// all, always fits into the answers that devices take.
    fn check_room(&self, who: &Who, json: Option<&str>) -> Result<(), NoEntry> {
        let fits = |others: &[&Entry], count: usize, bytes: usize| {
            let shown: usize = others.iter().map(|entry| entry.shown_bytes()).sum();
            others.len() < count && LISTING_BYTES + shown + shown_bytes(json) <= bytes
        };
        let others = self.entries.iter();
        let others = others.filter(|(device, _)| **device != who.device);
        let others: Vec<&Entry> = others.map(|(_, entry)| entry).collect();
        let theirs = others.iter().filter(|entry| entry.alias == who.alias);
        let theirs: Vec<&Entry> = theirs.copied().collect();
        if !fits(&theirs, MAX_DEVICES_ONLINE, MAX_PERSON_LISTING_BYTES) {
            return Err(NoEntry::TooMany);
        }
        if !fits(&others, self.most, MAX_LISTING_BYTES) {
            return Err(NoEntry::Full);
        }
        Ok(())
    }

    /// A device listens: its entry stands until it is removed.
    pub fn attach(&mut self, device: &Serial) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.until = None;
        }
    }

    /// Takes an entry out; what others are to be told, if they saw it.
    pub fn remove(&mut self, device: &Serial) -> Option<Gone> {
        let entry = self.entries.remove(device)?;
        self.listing = None;
        entry.json.map(|_| Gone {
            alias: entry.alias,
            device: *device,
        })
    }

    /// The devices that had time to open a stream, and did not.
    pub fn overdue(&self, now: Instant) -> Vec<Serial> {
        self.those(|entry| entry.until.is_some_and(|until| until <= now))
    }

    /// The devices that announced themselves by a certificate for which that holds.
    pub fn shown_by(&self, holds: impl Fn(&Serial) -> bool) -> Vec<Serial> {
        self.those(|entry| holds(&entry.serial))
    }

    fn those(&self, holds: impl Fn(&Entry) -> bool) -> Vec<Serial> {
        let found = self.entries.iter().filter(|(_, entry)| holds(entry));
        found.map(|(device, _)| *device).collect()
    }

    /// What others see, in JSON: by alias, then by time.
    ///
    /// # Errors
    /// When too many earlier ones are on their way.
    pub fn listing(&mut self) -> Result<Bytes, NoEntry> {
        if let Some(listing) = &self.listing {
            return Ok(listing.clone());
        }
        let entries = self.entries.values();
        let bytes: usize = entries.map(Entry::shown_bytes).sum();
        if self.on_their_way.load(Ordering::Relaxed) + bytes > MAX_LISTINGS_BYTES {
            return Err(NoEntry::Full);
        }
        let json = listing(self.entries.iter().collect());
        self.on_their_way.fetch_add(json.len(), Ordering::Relaxed);
        let listing = Bytes::from_owner(Listing {
            json,
            on_their_way: self.on_their_way.clone(),
        });
        self.listing = Some(listing.clone());
        Ok(listing)
    }

    /// What others see of one person, by time.
    pub fn listing_of(&self, alias: &Alias) -> Bytes {
        let entries = self.entries.iter();
        listing(entries.filter(|(_, e)| e.alias == *alias).collect()).into()
    }
}

fn listing(mut entries: Vec<(&Serial, &Entry)>) -> String {
    let order = |(device, entry): &(&Serial, &Entry)| {
        (entry.alias.clone(), entry.since, *device.as_bytes())
    };
    entries.sort_by_cached_key(order);
    let shown: Vec<&str> = entries
        .iter()
        .filter_map(|(_, entry)| entry.json.as_deref())
        .collect();
    format!("{{\"peers\":[{}]}}", shown.join(","))
}

fn json(who: &Who, offer: Offer, since: OffsetDateTime) -> String {
    let online = Online {
        alias: who.alias.to_string(),
        device: who.device.to_string(),
        name: who.name.as_ref().map(ToString::to_string),
        role: who.role.to_string(),
        addresses: offer.addresses,
        shares: offer.shares,
        suites: offer.suites,
        since: since.replace_nanosecond(0).unwrap_or(since),
    };
    // Texts, lists of texts and a time have a form in JSON.
    serde_json::to_string(&online).unwrap_or_default()
}

#[cfg(test)]
mod tests;
