use std::time::Duration;

use super::*;
use crate::events::ring::KEPT;
use crate::events::{MAX_STREAMS_PER_DEVICE, MAX_STREAMS_PER_PERSON};
use crate::presence::Announcement;

const FIRST: u64 = 1000;

fn serial(byte: u8) -> Serial {
    let mut bytes = [0; 16];
    (bytes[0], bytes[15]) = (0x40, byte);
    Serial::from_bytes(&bytes).unwrap()
}

fn noon() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000)
}

fn who(alias: &str, device: u8) -> Who {
    Who {
        alias: alias.parse().unwrap(),
        role: "member".parse().unwrap(),
        device: serial(device),
        name: None,
        serial: serial(device),
        not_after: noon() + time::Duration::days(1),
    }
}

fn offer() -> Offer {
    let json = serde_json::json!({"addresses": ["192.0.2.1:1990"]});
    let told: Announcement = serde_json::from_value(json).unwrap();
    told.try_into().unwrap()
}

struct Test {
    state: State,
    now: Instant,
}

impl Test {
    fn new(places: usize) -> Self {
        Self {
            state: State::new(FIRST, 7, places),
            now: Instant::now(),
        }
    }

    fn open(&mut self, who: &Who, last_seen: Option<u64>) -> Admitted {
        self.state.subscribe(who.clone(), last_seen).unwrap()
    }

    fn refusal(&mut self, who: &Who) -> Refused {
        let refused = self.state.subscribe(who.clone(), None);
        refused.unwrap_err()
    }

    fn announce(&mut self, who: &Who) {
        self.state.announce(who, offer(), self.now, noon()).unwrap();
    }

    /// The events that a stream gets now, as number and kind; and whether it has ended.
    fn read(&mut self, stream: &Admitted) -> (Vec<(u64, String)>, bool) {
        let mut read = Vec::new();
        loop {
            match self.state.take(stream.seat) {
                Taken::Text(text) => read.extend(events(&text)),
                Taken::Nothing => return (read, false),
                Taken::End => return (read, true),
            }
        }
    }

    fn kinds(&mut self, stream: &Admitted) -> Vec<String> {
        let (read, _) = self.read(stream);
        read.into_iter().map(|(_, kind)| kind).collect()
    }
}

fn events(text: &[u8]) -> Vec<(u64, String)> {
    let text = std::str::from_utf8(text).unwrap();
    let blocks = text.split_terminator("\n\n");
    blocks
        .filter_map(|block| {
            let mut lines = block.split('\n');
            // One before its turn has no number.
            let id = lines.next().unwrap().strip_prefix("id: ")?;
            let kind = lines.next().unwrap().strip_prefix("event: ").unwrap();
            Some((id.parse().unwrap(), kind.to_owned()))
        })
        .collect()
}

fn kind(id: u64, kind: &str) -> (u64, String) {
    (id, kind.to_owned())
}

#[test]
fn who_comes_for_the_first_time_is_greeted_and_told_that_nothing_is_known() {
    let mut test = Test::new(10);
    let alice = test.open(&who("alice", 1), None);
    assert_eq!(
        events(&alice.greeting),
        [kind(0, "hello"), kind(FIRST - 1, "reset")]
    );
    test.state.crl(8);
    assert_eq!(test.read(&alice), (vec![kind(FIRST, "crl")], false));
    // Once for each list.
    test.state.crl(8);
    test.state.crl(7);
    assert_eq!(test.read(&alice), (vec![], false));
}

#[test]
fn who_comes_back_gets_what_was_missed_and_numbers_never_go_down() {
    let mut test = Test::new(10);
    (8..12).for_each(|number| test.state.crl(number));
    let bob = test.open(&who("bob", 1), Some(FIRST + 1));
    assert_eq!(events(&bob.greeting), [kind(FIRST + 1, "hello")]);
    let missed = vec![kind(FIRST + 2, "crl"), kind(FIRST + 3, "crl")];
    assert_eq!(test.read(&bob), (missed, false));
    // From before this server, from after all that it told, and what is too long ago.
    for strange in [FIRST - 2, FIRST + 4, u64::MAX] {
        let stream = test.open(&who("carol", 2), Some(strange));
        let expected = [kind(0, "hello"), kind(FIRST + 3, "reset")];
        assert_eq!(events(&stream.greeting), expected);
        test.state.leave(stream.seat);
    }
}

#[test]
fn a_password_reset_is_told_to_its_person_alone() {
    use crate::audit::{Action, Actor, GENESIS, Hash, OK, Record};
    let mut test = Test::new(10);
    let (alice, bob) = (
        test.open(&who("alice", 1), None),
        test.open(&who("bob", 2), None),
    );
    let reset = crate::audit::Event {
        by: &Actor::console(),
        action: Action::SetPassword,
        object: "alice (one-time)".into(),
        outcome: OK,
    };
    let reset = Record::new(1, noon(), &reset, &Hash(GENESIS));
    let reset = crate::events::person::event(&reset).unwrap();
    test.state.tell(&reset);
    test.state.crl(8);
    assert_eq!(test.kinds(&alice), ["person", "crl"]);
    assert_eq!(test.kinds(&bob), ["crl"]);
    // Also where it was missed.
    let bob = test.open(&who("bob", 2), Some(FIRST - 1));
    assert_eq!(test.kinds(&bob), ["crl"]);
}

#[test]
fn a_device_has_four_streams_a_person_64_and_all_together_as_many_as_there_is_room() {
    let mut test = Test::new(70);
    let device = who("alice", 1);
    let mut streams: Vec<_> = (0..MAX_STREAMS_PER_DEVICE)
        .map(|_| test.open(&device, None))
        .collect();
    assert_eq!(test.refusal(&device), Refused::TooMany);
    test.state.leave(streams.pop().unwrap().seat);
    streams.push(test.open(&device, None));
    for n in MAX_STREAMS_PER_DEVICE..MAX_STREAMS_PER_PERSON {
        let device = u8::try_from(n).unwrap();
        streams.push(test.open(&who("alice", device), None));
    }
    assert_eq!(test.refusal(&who("alice", 200)), Refused::TooMany);
    for n in 100..106 {
        streams.push(test.open(&who(&format!("bob-{n}"), n), None));
    }
    // Of those who have one each nobody makes room, and who has many takes none from them.
    test.state.leave(streams[0].seat);
    test.open(&who("carol", 201), None);
    assert_eq!(test.refusal(&who("alice", 202)), Refused::Full);
}

#[test]
fn who_is_revoked_gets_the_list_s_number_and_nothing_after_it() {
    let mut test = Test::new(10);
    let (alice, bob) = (
        test.open(&who("alice", 1), None),
        test.open(&who("bob", 2), None),
    );
    test.announce(&who("alice", 1));
    test.read(&alice);
    test.read(&bob);
    test.state.crl(8);
    test.state.end_revoked(&[serial(1)].into());
    test.state.crl(9);
    assert_eq!(test.read(&alice), (vec![kind(FIRST + 1, "crl")], true));
    // His connection knows that it is to end, whether he reads or not.
    assert!(alice.ended.has_changed().is_err());
    assert!(bob.ended.has_changed().is_ok());
    assert_eq!(test.kinds(&bob), ["crl", "offline", "crl"]);
    assert_eq!(&test.state.listing(None).unwrap()[..], b"{\"peers\":[]}");
}

#[test]
fn an_announcement_without_a_stream_ends_with_its_certificate_too() {
    let mut test = Test::new(10);
    let bob = test.open(&who("bob", 2), None);
    test.announce(&who("alice", 1));
    test.state.end_revoked(&[serial(1)].into());
    assert_eq!(test.kinds(&bob), ["online", "offline"]);
}

#[test]
fn a_stream_ends_with_its_certificate() {
    let mut test = Test::new(10);
    let alice = test.open(&who("alice", 1), None);
    let end = noon() + time::Duration::days(1);
    test.state.tick(test.now, end - time::Duration::seconds(1));
    assert_eq!(test.read(&alice), (vec![], false));
    test.state.tick(test.now, end);
    assert_eq!(test.read(&alice), (vec![], true));
}

#[test]
fn an_entry_goes_with_the_last_stream_of_its_device() {
    let mut test = Test::new(10);
    let bob = test.open(&who("bob", 2), None);
    let streams = [1, 1].map(|device| test.open(&who("alice", device), None));
    test.announce(&who("alice", 1));
    test.state.leave(streams[0].seat);
    assert_eq!(test.kinds(&bob), ["online"]);
    test.state.leave(streams[1].seat);
    assert_eq!(test.kinds(&bob), ["offline"]);
}

#[test]
fn an_entry_stands_half_a_minute_without_a_stream_and_then_as_long_as_there_is_one() {
    let mut test = Test::new(10);
    let bob = test.open(&who("bob", 9), None);
    test.announce(&who("alice", 1));
    test.announce(&who("carol", 2));
    let stream = test.open(&who("alice", 1), None);
    assert_eq!(test.kinds(&bob), ["online", "online"]);
    test.now += Duration::from_secs(30);
    test.state.tick(test.now, noon());
    assert_eq!(test.kinds(&bob), ["offline"]);
    test.state.leave(stream.seat);
    assert_eq!(test.kinds(&bob), ["offline"]);
    assert_eq!(test.state.entries(), 0);
}

#[test]
fn who_takes_nothing_loses_the_seat_and_slows_nobody() {
    let mut test = Test::new(10);
    let (deaf, bob) = (
        test.open(&who("deaf", 1), None),
        test.open(&who("bob", 2), None),
    );
    for n in 0..2 * KEPT {
        test.state.crl(8 + u64::try_from(n).unwrap());
        if n == 256 {
            // Not yet: nobody reads faster than the server tells.
            test.state.tick(test.now, noon());
            assert!(deaf.ended.has_changed().is_ok());
            test.now += Duration::from_secs(5);
            assert_eq!(test.kinds(&bob).len(), 1);
            test.state.tick(test.now, noon());
            assert!(deaf.ended.has_changed().is_err());
        }
        test.read(&bob);
    }
    assert!(bob.ended.has_changed().is_ok());
    assert_eq!(test.read(&deaf), (vec![], true));
}

#[test]
fn a_reader_that_waited_for_long_has_its_moment_when_much_happens_at_once() {
    let mut test = Test::new(10);
    let idle = test.open(&who("idle", 1), None);
    for hour in 1..4_u64 {
        test.now += Duration::from_secs(3600);
        (0..1000).for_each(|n| test.state.crl(10_000 * hour + n));
        test.state.tick(test.now, noon());
        test.now += Duration::from_secs(4);
        test.state.tick(test.now, noon());
        assert_eq!(test.kinds(&idle).len(), 1000);
        test.state.tick(test.now, noon());
    }
}

#[test]
fn a_reader_that_lost_something_gets_nothing_more() {
    let mut test = Test::new(10);
    let slow = test.open(&who("slow", 1), None);
    (0..=KEPT).for_each(|n| test.state.crl(8 + u64::try_from(n).unwrap()));
    assert_eq!(test.read(&slow), (vec![], false));
    test.state.tick(test.now, noon());
    assert_eq!(test.read(&slow), (vec![], true));
}

#[test]
fn what_was_missed_before_coming_may_take_its_time() {
    let mut test = Test::new(10);
    (0..1000).for_each(|n| test.state.crl(8 + n));
    let back = test.open(&who("back", 1), Some(FIRST));
    test.now += Duration::from_secs(60);
    test.state.crl(5000);
    test.state.tick(test.now, noon());
    let (read, ended) = test.read(&back);
    assert_eq!((read.len(), ended), (1000, false));
}

#[test]
fn after_the_end_nobody_is_let_in() {
    let mut test = Test::new(10);
    let alice = test.open(&who("alice", 1), None);
    test.state.close();
    assert_eq!(test.read(&alice), (vec![], true));
    assert_eq!(test.refusal(&who("bob", 2)), Refused::Full);
}

#[test]
fn a_list_is_told_before_all_that_waits_and_once_more_in_its_turn() {
    let mut test = Test::new(20);
    let slow = test.open(&who("slow", 1), None);
    let listed = |test: &mut Test, n: u64| {
        let entry = format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(7000));
        test.state.tell(&Event::Online { entry });
    };
    (0..10).for_each(|n| listed(&mut test, n));
    test.state.crl(8);
    let Taken::Text(first) = test.state.take(slow.seat) else {
        panic!();
    };
    let first = std::str::from_utf8(&first).unwrap();
    let rest = first.strip_prefix("event: crl\ndata: {\"number\":8}\n\n");
    let read = events(rest.unwrap().as_bytes());
    assert_eq!(read[0], kind(FIRST, "online"));
    // Nothing is left out, told twice under a number, or out of order.
    let count = u64::try_from(read.len()).unwrap();
    let (rest, _) = test.read(&slow);
    let ids: Vec<u64> = rest.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (FIRST + count..=FIRST + 10).collect::<Vec<_>>());
    assert_eq!(rest.last(), Some(&kind(FIRST + 10, "crl")));
    // Who has read all hears of the next one in its turn alone.
    test.state.crl(9);
    assert_eq!(test.read(&slow), (vec![kind(FIRST + 11, "crl")], false));
}

#[test]
fn when_all_seats_are_taken_the_one_who_has_most_makes_room_for_who_has_fewer() {
    let mut test = Test::new(8);
    let alice: Vec<_> = (0..6).map(|n| test.open(&who("alice", n), None)).collect();
    let bob: Vec<_> = (10..12).map(|n| test.open(&who("bob", n), None)).collect();
    let carol = test.open(&who("carol", 20), None);
    assert_eq!(test.read(&alice[5]), (vec![], true));
    let again = test.open(&who("bob", 12), None);
    assert_eq!(test.read(&alice[4]), (vec![], true));
    // Bob has three now, and Alice four: one more would only turn that around.
    assert_eq!(test.refusal(&who("bob", 13)), Refused::Full);
    for stream in alice[..4].iter().chain(&bob).chain([&carol, &again]) {
        assert!(!test.read(stream).1);
    }
}
