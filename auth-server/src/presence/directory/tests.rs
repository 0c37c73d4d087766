use super::*;

fn serial(byte: u8) -> Serial {
    let mut bytes = [0; 16];
    (bytes[0], bytes[15]) = (0x40, byte);
    Serial::from_bytes(&bytes).unwrap()
}

fn who(alias: &str, device: u8) -> Who {
    Who {
        alias: alias.parse().unwrap(),
        role: "member".parse().unwrap(),
        device: serial(device),
        name: Some("laptop".parse().unwrap()),
        serial: serial(device),
        not_after: noon() + time::Duration::days(1),
    }
}

fn noon() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000)
}

fn offer(share: &str, unlisted: bool) -> Offer {
    Offer {
        addresses: vec!["192.0.2.1:1990".into()],
        shares: vec![share.into()],
        suites: vec!["aes-256-gcm".into()],
        unlisted,
    }
}

struct Test {
    directory: Directory,
    now: Instant,
    at: OffsetDateTime,
}

impl Test {
    fn new() -> Self {
        Self {
            directory: Directory::new(100),
            now: Instant::now(),
            at: noon(),
        }
    }

    fn put(&mut self, who: &Who, offer: Offer) -> Result<Change, NoEntry> {
        self.directory.put(who, offer, false, self.now, self.at)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.at += Duration::from_secs(seconds);
    }

    fn listed(&mut self) -> Vec<(String, String)> {
        let listing: serde_json::Value =
            serde_json::from_slice(&self.directory.listing().unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let peers = listing["peers"].as_array().unwrap();
        peers
            .iter()
            .map(|peer| (text(&peer["alias"]), text(&peer["device"])))
            .collect()
    }
}

fn named(who: &Who) -> (String, String) {
    (who.alias.to_string(), who.device.to_string())
}

#[test]
fn entries_are_listed_by_alias_then_by_time() {
    let mut test = Test::new();
    let (late, bob, early) = (who("alice", 1), who("bob", 2), who("alice", 3));
    for one in [&bob, &early, &late] {
        assert!(matches!(
            test.put(one, offer("docs", false)),
            Ok(Change::Online(_))
        ));
        test.pass(1);
    }
    assert_eq!(test.listed(), [named(&early), named(&late), named(&bob)]);
}

#[test]
fn an_entry_says_what_certificate_and_ledger_know_and_what_was_offered() {
    let mut test = Test::new();
    let Ok(Change::Online(json)) = test.put(&who("alice", 1), offer("docs", false)) else {
        panic!();
    };
    let entry: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!({
        "alias": "alice", "device": serial(1).to_string(), "name": "laptop", "role": "member",
        "addresses": ["192.0.2.1:1990"], "shares": ["docs"], "suites": ["aes-256-gcm"],
        "since": "2024-10-04T00:00:00Z",
    });
    assert_eq!(entry, expected);
}

#[test]
fn the_same_again_is_no_news_and_something_else_is_since_the_same_time() {
    let mut test = Test::new();
    let alice = who("alice", 1);
    test.put(&alice, offer("docs", false)).unwrap();
    test.pass(5);
    assert_eq!(test.put(&alice, offer("docs", false)), Ok(Change::None));
    let Ok(Change::Online(json)) = test.put(&alice, offer("photos", false)) else {
        panic!();
    };
    assert!(
        json.contains("photos") && json.contains("T00:00:00Z"),
        "{json}"
    );
    assert_eq!(test.listed().len(), 1);
}

#[test]
fn who_is_unlisted_is_neither_seen_nor_told_of() {
    let mut test = Test::new();
    let alice = who("alice", 1);
    assert_eq!(test.put(&alice, offer("docs", true)), Ok(Change::None));
    assert_eq!(test.listed(), []);
    assert_eq!(test.directory.len(), 1);
    assert!(matches!(
        test.put(&alice, offer("docs", false)),
        Ok(Change::Online(_))
    ));
    let gone = Gone {
        alias: alice.alias.clone(),
        device: alice.device,
    };
    assert_eq!(
        test.put(&alice, offer("docs", true)),
        Ok(Change::Offline(gone))
    );
    assert_eq!(test.listed(), []);
    assert_eq!(test.directory.remove(&alice.device), None);
}

#[test]
fn an_entry_without_a_stream_ends_after_half_a_minute() {
    let mut test = Test::new();
    let (alice, bob) = (who("alice", 1), who("bob", 2));
    test.put(&alice, offer("docs", false)).unwrap();
    test.put(&bob, offer("docs", false)).unwrap();
    test.directory.attach(&bob.device);
    test.pass(29);
    assert_eq!(test.directory.overdue(test.now), []);
    test.pass(1);
    assert_eq!(test.directory.overdue(test.now), [alice.device]);
    assert!(test.directory.remove(&alice.device).is_some());
    assert_eq!(test.listed(), [named(&bob)]);
}

#[test]
fn a_hundred_thousand_announcements_are_a_few() {
    let mut test = Test::new();
    let taken = |test: &mut Test, devices: u8| {
        let mut taken = 0;
        for n in 0..100_000_u32 {
            let device = who("mallory", u8::try_from(n % u32::from(devices)).unwrap());
            taken += u32::from(test.put(&device, offer(&n.to_string(), false)).is_ok());
        }
        taken
    };
    assert_eq!(taken(&mut test, 1), 10);
    assert_eq!(taken(&mut test, 50), 118);
    test.pass(60);
    assert_eq!(taken(&mut test, 50), 12);
    // Nobody else waits for that.
    assert!(test.put(&who("bob", 200), offer("docs", false)).is_ok());
}

#[test]
fn a_person_has_so_many_entries_and_all_together_as_many_as_there_is_room() {
    let mut test = Test::new();
    for n in 0..64 {
        test.put(&who("mallory", n), offer("docs", false)).unwrap();
    }
    assert_eq!(
        test.put(&who("mallory", 64), offer("docs", false)),
        Err(NoEntry::TooMany)
    );
    for n in 100..136 {
        test.put(&who("bob", n), offer("docs", false)).unwrap();
    }
    assert_eq!(
        test.put(&who("carol", 200), offer("docs", false)),
        Err(NoEntry::Full)
    );
    // Who is there may change what he says.
    assert!(test.put(&who("bob", 100), offer("photos", false)).is_ok());
}

/// The largest that a device may tell of itself.
fn largest() -> Offer {
    Offer {
        addresses: vec!["a".repeat(253) + ":65535"; 16],
        shares: vec!["s".repeat(64); 48],
        ..offer("docs", false)
    }
}

#[test]
fn what_is_shown_of_a_person_always_fits_into_one_answer() {
    let mut test = Test::new();
    let mut taken = 0;
    while let Ok(Change::Online(_)) = test.put(&who("mallory", taken), largest()) {
        taken += 1;
    }
    assert!((7..9).contains(&taken), "{taken}");
    assert_eq!(
        test.put(&who("mallory", taken), largest()),
        Err(NoEntry::TooMany)
    );
    let mallory = "mallory".parse().unwrap();
    let listed = test.directory.listing_of(&mallory);
    assert!(listed.len() <= MAX_PERSON_LISTING_BYTES);
    // What is small still fits, what is hidden takes no room, and neither does what is replaced.
    let hidden = Offer {
        unlisted: true,
        ..largest()
    };
    assert!(test.put(&who("mallory", 100), hidden).is_ok());
    assert!(test.put(&who("mallory", 0), offer("docs", false)).is_ok());
    assert!(test.put(&who("mallory", 0), largest()).is_ok());
    assert!(test.put(&who("bob", 200), largest()).is_ok());
    let bob = test.directory.listing_of(&"bob".parse().unwrap());
    assert!(bob.starts_with(b"{\"peers\":[{\"alias\":\"bob\""));
    let nobody = test.directory.listing_of(&"nobody".parse().unwrap());
    assert_eq!(&nobody[..], b"{\"peers\":[]}");
}

#[test]
fn what_is_shown_of_all_always_fits_into_one_answer() {
    let mut test = Test::new();
    test.directory = Directory::new(usize::MAX);
    test.put(&who("bob", 0), offer("docs", false)).unwrap();
    let numbered = |n: u16| {
        let mut who = who(&format!("mallory-{}", n / 7), 0);
        let [high, low] = n.to_be_bytes();
        let mut bytes = [0; 16];
        (bytes[0], bytes[1], bytes[14], bytes[15]) = (0x40, 1, high, low);
        who.device = Serial::from_bytes(&bytes).unwrap();
        who
    };
    let refused = (0..u16::MAX).find_map(|n| test.put(&numbered(n), largest()).err());
    assert_eq!(refused, Some(NoEntry::Full));
    let listing = test.directory.listing().unwrap();
    let most = MAX_LISTING_BYTES - 8192..=MAX_LISTING_BYTES;
    assert!(most.contains(&listing.len()), "{}", listing.len());
    // Who is there is found, and may change what he says.
    assert_eq!(test.listed()[0].0, "bob");
    assert!(test.put(&who("bob", 0), offer("more", false)).is_ok());
}

#[test]
fn what_changes_nothing_makes_no_new_answer_and_answers_on_their_way_are_bounded() {
    let mut test = Test::new();
    let alice = who("alice", 1);
    test.put(&alice, offer("docs", false)).unwrap();
    let first = test.directory.listing().unwrap();
    test.put(&alice, offer("docs", false)).unwrap();
    let second = test.directory.listing().unwrap();
    assert_eq!(first.as_ptr(), second.as_ptr());
    let others = MAX_LISTINGS_BYTES - first.len();
    test.directory
        .on_their_way
        .fetch_add(others, Ordering::Relaxed);
    test.put(&alice, offer("photos", false)).unwrap();
    assert_eq!(test.directory.listing(), Err(NoEntry::Full));
    // As soon as nobody is sent the old one any more there is room.
    drop((first, second));
    assert!(test.directory.listing().is_ok());
}

#[test]
fn a_person_s_devices_make_others_hear_64_kilobytes_at_once_and_then_one_a_second() {
    let mut test = Test::new();
    let mut told = 0;
    let mut told_now = |test: &mut Test, first: u8| {
        let mut now = 0;
        for n in 0..200_u8 {
            let share = format!("{first}-{n}-{}", "x".repeat(2000));
            match test.put(&who("alice", 1 + n % 20), offer(&share, false)) {
                Ok(Change::Online(json)) => now += json.len(),
                refused => {
                    assert!(matches!(refused, Err(NoEntry::TooOften(_))));
                    break;
                }
            }
        }
        told += now;
        now
    };
    let at_once = told_now(&mut test, 0);
    assert!((64 * 1024..72 * 1024).contains(&at_once), "{at_once}");
    test.pass(20);
    let later = told_now(&mut test, 1);
    assert!(later <= 24 * 1024, "{later}");
    // Others are not slowed.
    assert!(test.put(&who("bob", 99), offer("docs", false)).is_ok());
}
