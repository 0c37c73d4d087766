use super::*;

struct Door {
    places: Arc<Places>,
    now: Instant,
}

impl Door {
    fn new() -> Self {
        Self {
            places: Arc::new(Places::new(usize::MAX)),
            now: Instant::now(),
        }
    }

    /// A connection that has sent something.
    fn take(&self, address: &str) -> Option<Place> {
        let place = self.take_silent(address)?;
        place.turns().heard(self.now);
        Some(place)
    }

    fn take_silent(&self, address: &str) -> Option<Place> {
        let source = Source::of(address.parse().unwrap());
        self.places.take(source, self.now)
    }

    fn fill(&self, address: &str, count: usize) -> Vec<Place> {
        (0..count).map(|_| self.take(address).unwrap()).collect()
    }

    /// All places, 64 for each of 16 addresses.
    fn full(&self) -> Vec<Vec<Place>> {
        (0..16)
            .map(|n| self.fill(&format!("192.0.2.{n}"), MAX_CONNECTIONS_PER_SOURCE))
            .collect()
    }

    fn is_empty(&self) -> bool {
        let state = self.places.state();
        state.connections.is_empty() && state.by_source.is_empty()
    }
}

/// Behind since then, having taken something before.
fn slow(since: Instant) -> Option<Untaken> {
    let is_read = true;
    Some(Untaken { since, is_read })
}

/// Behind since then, and nothing was taken.
fn unread(since: Instant) -> Option<Untaken> {
    let is_read = false;
    Some(Untaken { since, is_read })
}

fn is_lost(place: &mut Place) -> bool {
    matches!(
        place.lost.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    )
}

#[test]
fn one_source_cannot_take_all_places() {
    let door = Door::new();
    let mut taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
    for place in &taken {
        place.turns().header_came(false, door.now);
    }
    assert!(door.take("192.0.2.1").is_none());
    assert!(door.take("::ffff:192.0.2.1").is_none());
    assert!(door.take("192.0.2.2").is_some());
    drop(taken.pop());
    assert!(door.take("192.0.2.1").is_some());
    drop(taken);
    assert!(door.is_empty());
}

#[test]
fn a_newcomer_of_a_source_that_is_full_replaces_its_own_that_waited_longest() {
    let mut door = Door::new();
    let _others = door.fill("192.0.2.2", 1);
    let mut taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
    door.now += Duration::from_secs(1);
    // The first one has gone on meanwhile.
    taken[0].turns().header_came(true, door.now);
    door.now += GRACE;
    assert!(door.take("192.0.2.1").is_some());
    let lost: Vec<_> = taken.iter_mut().map(is_lost).collect();
    assert_eq!(lost.iter().position(|lost| *lost), Some(1));
    assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
}

#[test]
fn when_all_places_are_taken_the_busiest_source_makes_room() {
    let mut door = Door::new();
    // Whoever holds few is not the one to go, though he waited longest.
    let mut few = door.fill("198.51.100.1", 2);
    door.now += Duration::from_millis(100);
    let mut taken: Vec<_> = (0..15)
        .map(|n| door.fill(&format!("192.0.2.{n}"), MAX_CONNECTIONS_PER_SOURCE))
        .collect();
    taken.push(door.fill("192.0.2.15", MAX_CONNECTIONS_PER_SOURCE - 2));
    door.now += GRACE;
    let newcomer = door.take("203.0.113.1");
    assert!(newcomer.is_some());
    assert!(is_lost(&mut taken[0][0]));
    assert!(!few.iter_mut().any(is_lost));
    drop((newcomer, few, taken));
    assert!(door.is_empty());
}

#[test]
fn no_source_gains_places_from_one_that_holds_no_more() {
    let mut door = Door::new();
    let mut taken = door.full();
    drop(taken[0].pop());
    drop(taken[1].pop());
    let _filled = door.fill("203.0.113.1", 2);
    for place in taken[2..].iter().flatten() {
        place.turns().body_came();
    }
    door.now += GRACE;
    // Those that only wait hold 63 each; so does the newcomer's source, but for its own.
    assert!(door.take("192.0.2.0").is_some());
    assert!(is_lost(&mut taken[0][0]));
    assert!(!taken[1].iter_mut().any(is_lost));
}

#[test]
fn a_request_under_way_is_never_cut_for_a_newcomer() {
    let mut door = Door::new();
    let mut taken = door.full();
    for (n, place) in taken.iter().flatten().enumerate() {
        place.turns().header_came(n % 2 == 0, door.now);
        if n % 2 == 0 {
            place.turns().body_came();
        }
        if n % 3 == 0 {
            place.turns().answer_written();
        }
    }
    door.now += Duration::from_secs(3600);
    assert!(door.take("203.0.113.1").is_none());
    assert!(door.take("192.0.2.1").is_none());
    // A flush in between is none of an answer.
    taken[8][1].turns().body_came();
    taken[8][1].turns().flushed(door.now);
    assert!(door.take("203.0.113.1").is_none());
    // An answer that has left gives the turn to the client.
    taken[7][0].turns().answer_written();
    taken[7][0].turns().flushed(door.now);
    assert!(door.take("203.0.113.1").is_none());
    door.now += MOMENT;
    assert!(door.take("203.0.113.1").is_some());
    assert!(is_lost(&mut taken[7][0]));
    let lost = taken
        .iter_mut()
        .flatten()
        .filter_map(|place| is_lost(place).then_some(()));
    assert_eq!(lost.count(), 1);
}

#[test]
fn what_is_said_of_a_connection_that_has_ended_is_not_heard() {
    let door = Door::new();
    let turns = door.take("192.0.2.1").unwrap().turns();
    assert!(door.is_empty());
    turns.body_came();
    turns.flushed(door.now);
    assert!(door.is_empty());
}

#[test]
fn fewer_files_are_fewer_places() {
    let door = Door {
        places: Arc::new(Places::new(1)),
        now: Instant::now(),
    };
    let _held = door.take("192.0.2.1").unwrap();
    assert!(door.take("192.0.2.2").is_none());
}

#[test]
fn who_asks_without_pause_keeps_nobody_out() {
    let mut door = Door::new();
    // An office of some people, as young as the crowd that comes after it.
    let mut office = door.fill("198.51.100.1", 20);
    let mut taken: Vec<_> = (0..15)
        .map(|n| door.fill(&format!("192.0.2.{n}"), MAX_CONNECTIONS_PER_SOURCE))
        .collect();
    taken.push(door.fill("192.0.2.15", MAX_CONNECTIONS_PER_SOURCE - 20));
    for turn in 0..10_usize {
        door.now += GRACE / 2;
        for place in taken.iter().flatten() {
            place.turns().answer_written();
            place.turns().flushed(door.now);
        }
        for place in &office {
            place.turns().answer_written();
            place.turns().flushed(door.now);
        }
        // Their answers are on their way.
        assert!(turn > 0 || door.take("203.0.113.99").is_none());
        door.now += MOMENT;
        let newcomer = door.take(&format!("203.0.113.{turn}"));
        assert!(newcomer.is_some());
        // It stays, and the oldest of the crowd went.
        std::mem::forget(newcomer);
        assert!(is_lost(&mut taken[turn][0]), "{turn}");
    }
    assert!(!office.iter_mut().any(is_lost));
    // Within one address the oldest goes too.
    assert!(door.take("192.0.2.14").is_some());
    assert!(is_lost(&mut taken[14][0]));
}

#[test]
fn a_crowd_of_one_connection_each_makes_room_for_many_of_one_address() {
    let mut door = Door::new();
    let crowd: Vec<_> = (0..MAX_CONNECTIONS)
        .map(|n| {
            let [.., high, low] = n.to_be_bytes();
            door.take(&format!("10.0.{high}.{low}")).unwrap()
        })
        .collect();
    door.now += STALE;
    let office = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
    assert_eq!(office.len(), MAX_CONNECTIONS_PER_SOURCE);
    drop((crowd, office));
    assert!(door.is_empty());
}

#[test]
fn who_takes_no_answer_is_cut_after_a_while_and_who_takes_one_is_not() {
    let mut door = Door::new();
    let mut taken = door.full();
    for place in taken.iter().flatten() {
        place.turns().body_came();
    }
    taken[3][7].turns().untaken(slow(door.now));
    taken[5][7].turns().untaken(slow(door.now));
    door.now += UNTAKEN - Duration::from_millis(1);
    assert!(door.take("203.0.113.1").is_none());
    // One has gone on.
    taken[3][7].turns().untaken(slow(door.now));
    door.now += Duration::from_millis(1);
    let _newcomer = door.take("203.0.113.1").unwrap();
    assert!(is_lost(&mut taken[5][7]));
    assert!(door.take("203.0.113.2").is_none());
    // What is said of the next request changes nothing about the answers before it.
    door.now += UNTAKEN;
    taken[3][7].turns().header_came(true, door.now);
    assert!(door.take("203.0.113.2").is_some());
    assert!(is_lost(&mut taken[3][7]));
}

#[test]
fn who_has_taken_all_is_in_nobody_s_debt() {
    let mut door = Door::new();
    let taken = door.full();
    for place in taken.iter().flatten() {
        place.turns().body_came();
        place.turns().untaken(slow(door.now));
        place.turns().untaken(None);
    }
    door.now += Duration::from_secs(3600);
    assert!(door.take("203.0.113.1").is_none());
}

#[test]
fn a_crowd_that_sends_nothing_keeps_out_nobody_and_cuts_nobody() {
    let mut door = Door::new();
    let addresses = (0..MAX_CONNECTIONS).map(|n| format!("198.18.{}.{}", n / 256, n % 256));
    let mut crowd: Vec<_> = addresses
        .map(|address| door.take_silent(&address).unwrap())
        .collect();
    door.now += SILENT;
    let mut office = door.fill("192.0.2.1", 8);
    assert!(!office.iter_mut().any(is_lost));
    assert_eq!(
        crowd.iter_mut().map(is_lost).filter(|lost| *lost).count(),
        8
    );
    // More of the crowd come, and replace each other.
    door.now += MOMENT;
    let more: Vec<_> = (0..100)
        .filter_map(|n| door.take_silent(&format!("203.0.113.{n}")))
        .collect();
    assert_eq!(more.len(), 100);
    assert!(!office.iter_mut().any(is_lost));
}

#[test]
fn at_one_address_who_sends_nothing_makes_room_first() {
    let mut door = Door::new();
    let mut honest = door.fill("192.0.2.1", 8);
    let _silent: Vec<_> = (0..MAX_CONNECTIONS_PER_SOURCE - 8)
        .map(|_| door.take_silent("192.0.2.1").unwrap())
        .collect();
    door.now += MOMENT;
    let more: Vec<_> = (0..50)
        .filter_map(|_| door.take_silent("192.0.2.1"))
        .collect();
    assert_eq!(more.len(), 50);
    assert!(!honest.iter_mut().any(is_lost));
}

#[test]
fn a_stream_of_events_takes_no_place_and_is_never_cut_for_a_newcomer() {
    let mut door = Door::new();
    let mut taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
    let (open, ended) = tokio::sync::watch::channel(());
    for place in &taken {
        place.turns().becomes_stream(StreamEnd::new(ended.clone()));
    }
    assert!(taken.iter().all(|place| place.turns().is_stream()));
    assert!(door.is_empty());
    door.now += STALE;
    let others = door.full();
    assert_eq!(others.len(), 16);
    for place in &mut taken {
        assert!(place.lost.try_recv().is_ok());
    }
    drop((taken, open));
    assert_eq!(door.places.state().connections.len(), MAX_CONNECTIONS);
}

#[test]
fn who_takes_nothing_of_his_answers_keeps_nobody_out_for_long_and_who_reads_slowly_goes_on() {
    let mut door = Door::new();
    let mut taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
    for place in &taken {
        place.turns().body_came();
        place.turns().untaken(slow(door.now));
    }
    door.now += UNREAD;
    for place in &taken[9..] {
        place.turns().untaken(unread(door.now));
    }
    // Nobody is behind for long yet.
    assert!(door.take("192.0.2.1").is_none());
    door.now += UNREAD;
    // Each newcomer waits as long as they did, and takes nothing either.
    for (turn, place) in taken.iter_mut().enumerate().skip(9) {
        let newcomer = door.take("192.0.2.1").unwrap();
        newcomer.turns().body_came();
        newcomer.turns().untaken(unread(door.now));
        assert!(is_lost(place), "{turn}");
        std::mem::forget(newcomer);
    }
    assert!(!taken[..9].iter_mut().any(is_lost));
    assert!(door.take("192.0.2.1").is_none());
}
