//! Five thousand streams of events: whether the server holds them, and what memory each takes.

use captures::authority::Signer;
use captures::https::Client;
use captures::measure::{Measured, Outcome};
use captures::organisation::Organisation;
use captures::process::{allow_open_files, resident_memory};
use captures::rogue::Credentials;
use captures::subscriber::EventStream;
use captures::ui;

const STREAMS: usize = 5000;
/// Those that are open before memory is looked at: what the first of all takes is not taken again.
const FIRST: usize = 100;
const DEVICES_OF_ONE: usize = 16;
/// As many as the server gives one device.
const STREAMS_OF_ONE: usize = 4;
const FILES: u64 = 8192;
const GOAL: u64 = 64 << 10;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("5,000 streams of events are opened, and each is told of a revocation:");
    allow_open_files(FILES)?;
    let organisation = Organisation::start("Example")?;
    let people = STREAMS.div_ceil(DEVICES_OF_ONE * STREAMS_OF_ONE);
    let devices = Signer::of(&organisation)?.enrol(people + 2, DEVICES_OF_ONE)?;
    let client = Client::of(&organisation)?;
    let server = organisation.server().ok_or("the auth server is gone")?.id();
    let memory = || resident_memory(server).ok_or("the auth server is gone");
    let mut seats = devices
        .iter()
        .flat_map(|device| std::iter::repeat_n(device, STREAMS_OF_ONE));
    let mut streams = open(&client, seats.by_ref().take(FIRST))?;
    revoke(&organisation, people, &mut streams)?;
    let before = memory()?;
    streams.extend(open(&client, seats.take(STREAMS - FIRST))?);
    let told = revoke(&organisation, people + 1, &mut streams)?;
    let each = memory()?.saturating_sub(before) / u64::try_from(STREAMS - FIRST)?;
    ui::fact("told", &format!("{told} of {STREAMS}"));
    ui::fact("server", &format!("{} in all", ui::size(memory()?)));
    Ok(Measured {
        what: "5,000 streams of events, server memory of each",
        goal: format!("<= {}", ui::size(GOAL)),
        found: format!("{told} held, {}", ui::size(each)),
        reached: told == STREAMS && each <= GOAL,
    })
}

fn open<'a>(
    client: &Client,
    devices: impl Iterator<Item = &'a Credentials>,
) -> Outcome<Vec<EventStream>> {
    devices
        .map(|device| EventStream::open(client, device).map_err(Into::into))
        .collect()
}

/// Revokes a person who does not listen: how many streams are told of it.
fn revoke(
    organisation: &Organisation,
    person: usize,
    streams: &mut [EventStream],
) -> Outcome<usize> {
    let person = format!("person-{person}");
    organisation.run(&["user", "revoke", &person])?.success()?;
    let told = streams.iter_mut().map(EventStream::next_list);
    Ok(told.filter(Result::is_ok).count())
}
