//! Nobody finds out by asking who has an account, or where somebody logs in: not by the answer, not by
//! its time.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use auth_server::throttle::{Attempt, Source};
use captures::counts::{Choices, count};
use captures::error::Result;
use captures::https::{Answer, Client, certificate_request, exchange, login_body, post_request};
use captures::organisation::Organisation;
use captures::records::in_store;
use common::identity::Alias;
use time::OffsetDateTime;

/// Two-sided bound on the normal deviate of the rank test: a false alarm in 10,000 runs.
const MAX_DEVIATE: f64 = 3.89;
/// Guesses at one alias: fewer than the failures after which its account takes no more.
const GUESSES_AN_ALIAS: usize = 20;

#[test]
fn the_time_of_an_answer_does_not_tell_who_has_an_account() -> Result<()> {
    let guesses = count("guesses");
    let organisation = Organisation::start("Example")?;
    let known = people(&organisation, guesses)?;
    let unknown = names("other", guesses);
    let client = Client::of(&organisation)?;
    let csr = certificate_request()?;
    let mut choices = Choices::of("enumeration");
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    let mut bodies = Vec::new();
    for guess in 0..2 * guesses {
        // Each guess comes from a source of its own, so that none is held up.
        let client = client.from(source(guess));
        let ask_known =
            of_known.len() < guesses && (of_unknown.len() == guesses || choices.below(2) == 0);
        let (times, aliases) = match ask_known {
            true => (&mut of_known, &known),
            false => (&mut of_unknown, &unknown),
        };
        let alias = &aliases[times.len() / GUESSES_AN_ALIAS];
        let (answer, took) = timed(&client, &login_body(alias, "a wrong guess indeed", &csr))?;
        assert_eq!(answer.status, 401, "{answer:?}");
        bodies.push(answer.body);
        times.push(took);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let deviate = rank_deviate(&of_known, &of_unknown);
    assert!(
        deviate.abs() < MAX_DEVIATE,
        "{deviate} with {:?} against {:?}",
        median(of_known),
        median(of_unknown)
    );
    Ok(())
}

/// Guesses at one alias from one place: fewer than those after which the place is held up.
const GUESSES_A_PLACE: usize = 4;

#[test]
fn the_time_of_an_answer_does_not_tell_where_somebody_is_at_home() -> Result<()> {
    let guesses = count("guesses");
    let organisation = Organisation::start("Example")?;
    let aliases = people(&organisation, guesses)?;
    let nobody = names("nobody", guesses);
    bar_strangers(&organisation, &aliases, guesses)?;
    bar_strangers(&organisation, &nobody, 0)?;
    let client = Client::of(&organisation)?;
    let csr = certificate_request()?;
    let mut choices = Choices::of("homes");
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut bodies = Vec::new();
    while let Some(kind) = choose(&mut choices, &times, guesses) {
        let guess = times[kind].len();
        let names = if kind == 2 { &nobody } else { &aliases };
        let alias = &names[guess / GUESSES_AN_ALIAS];
        let client = client.from(place(kind, guess / GUESSES_A_PLACE));
        let (answer, took) = timed(&client, &login_body(alias, "a wrong guess indeed", &csr))?;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert!(answer.head.contains("retry-after: 900"), "{answer:?}");
        bodies.push(answer.body);
        times[kind].push(took);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let [at_home, elsewhere, of_nobody] = &times;
    for (one, other) in [(at_home, elsewhere), (at_home, of_nobody)] {
        let deviate = rank_deviate(one, other);
        assert!(deviate.abs() < MAX_DEVIATE, "{deviate}: {times:?}");
    }
    Ok(())
}

/// One of the kinds of guesses of which there are not enough yet.
fn choose(choices: &mut Choices, times: &[Vec<Duration>; 3], guesses: usize) -> Option<usize> {
    let open: Vec<usize> = (0..3).filter(|kind| times[*kind].len() < guesses).collect();
    let last = u64::try_from(open.len()).ok().filter(|open| *open > 0)?;
    usize::try_from(choices.below(last))
        .ok()
        .and_then(|one| open.get(one).copied())
}

/// Places of a kind of guesses: where the aliases are at home, where they are not, and any.
fn place(kind: usize, number: usize) -> Ipv4Addr {
    let [.., kind] = kind.to_be_bytes();
    let [.., high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, 30 + kind, high, low)
}

/// As if strangers had failed a hundred times at each alias, which is at home where its guesses will
/// come from, for so many of them.
fn bar_strangers(organisation: &Organisation, aliases: &[String], guesses: usize) -> Result<()> {
    in_store(organisation, async |store| {
        let now = OffsetDateTime::now_utc();
        for guess in (0..guesses).step_by(GUESSES_A_PLACE) {
            let alias = label(&aliases[guess / GUESSES_AN_ALIAS]);
            let home = place(0, guess / GUESSES_A_PLACE);
            let login = Attempt::new(Some(&alias), Source::of(home.into()));
            login.succeeded(store, &alias, now).await?;
        }
        for alias in aliases.iter().map(|alias| label(alias)) {
            for number in 0..100 {
                let source = Ipv4Addr::new(198, 51, 100, number);
                let guess = Attempt::new(Some(&alias), Source::of(source.into()));
                guess.failed(store, "wrong password", now).await?;
            }
        }
        Ok(())
    })
}

fn label(alias: &str) -> Alias {
    alias.parse().expect("made here")
}

/// People, as many as take so many guesses.
fn people(organisation: &Organisation, guesses: usize) -> Result<Vec<String>> {
    let aliases = names("known", guesses);
    aliases
        .iter()
        .try_for_each(|alias| organisation.add_user(alias))?;
    Ok(aliases)
}

fn names(stem: &str, guesses: usize) -> Vec<String> {
    (0..guesses.div_ceil(GUESSES_AN_ALIAS))
        .map(|number| format!("{stem}-{number}"))
        .collect()
}

fn source(guess: usize) -> Ipv4Addr {
    let [.., high, low] = guess.to_be_bytes();
    Ipv4Addr::new(127, 10, high, low.max(1))
}

/// The time from the request to the whole answer; connecting is not in it.
fn timed(client: &Client, body: &str) -> Result<(Answer, Duration)> {
    let mut connection = client.connect()?;
    let request = post_request("/verify", body);
    let begun = Instant::now();
    let answer = exchange(&mut connection, &request)?;
    Ok((answer, begun.elapsed()))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The rank test of Mann and Whitney (1947): how far, in standard deviations, the sum of one
/// sample's ranks is from what it would be if both came from one distribution.
fn rank_deviate(one: &[Duration], other: &[Duration]) -> f64 {
    let wins: f64 = one
        .iter()
        .flat_map(|a| other.iter().map(move |b| (a, b)))
        .map(|(a, b)| match a.cmp(b) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn the_rank_test_sees_a_difference_and_sees_none_where_there_is_none() {
    let millis = |range: std::ops::Range<u64>| -> Vec<Duration> {
        range.map(Duration::from_millis).collect()
    };
    assert!(rank_deviate(&millis(0..40), &millis(0..40)).abs() < f64::EPSILON);
    assert!(rank_deviate(&millis(20..60), &millis(0..40)) > MAX_DEVIATE);
    assert!(rank_deviate(&millis(0..40), &millis(20..60)) < -MAX_DEVIATE);
}
