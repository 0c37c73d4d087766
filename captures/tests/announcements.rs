//! A member who announces without end, whoever's alias and whatever host he says: the auth server takes a few,
//! and everybody else is served.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use captures::counts::{Choices, count};
use captures::error::{Doing, Result};
use captures::foreign::stolen_from;
use captures::https::Client;
use captures::process::PATIENCE;
use captures::stage::Stage;

/// Requests that a connection may make.
const A_CONNECTION: usize = 100;

/// What the server may have in memory meanwhile: a password's hash takes 64 MiB.
const MAX_MEMORY_BYTES: u64 = 256 << 20;

/// What is said: mostly what no device says, some of somebody else.
fn announcement(choices: &mut Choices, number: usize) -> String {
    let port = number % 65_535 + 1;
    match choices.below(6) {
        0 => format!(r#"{{"addresses":["192.0.2.1:{port}"],"alias":"bob"}}"#),
        1 => format!(r#"{{"addresses":["\u001b[2J\u009b31m:{port}"]}}"#),
        2 => format!(r#"{{"addresses":["{}.example:{port}"]}}"#, "a.".repeat(300)),
        3 => format!(r#"{{"addresses":["127.0.0.1\r\nevent: crl:{port}"]}}"#),
        4 => format!(r#"{{"addresses":["host-{number}:{port}"],"shares":["../../etc/{number}"]}}"#),
        _ => format!(r#"{{"addresses":["host-{number}.example:{port}"]}}"#),
    }
}

const BOB: &str = "\"alias\":\"bob\"";

fn online(stage: &Stage) -> Result<String> {
    let shown = stage.alice.run(&["peers", "--json"])?.success()?;
    Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
}

fn wait_for_bob(stage: &Stage) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !online(stage)?.contains(BOB) {
        assert!(Instant::now() < end, "bob is not online");
    }
    Ok(())
}

#[test]
fn announcements_without_end_are_a_few_and_cost_nobody_else_anything() -> Result<()> {
    let stage = Stage::set()?;
    let mallory = stage.organisation.person("mallory")?;
    let client = Client::of(&stage.organisation)?.with(&stolen_from(&mallory)?)?;
    wait_for_bob(&stage)?;
    let mut choices = Choices::of("announcements");
    let begun = Instant::now();
    let (mut taken, mut answered) = (0, 0);
    for connection in 0..count("announcements") / A_CONNECTION {
        let mut stream = client.connect()?;
        for number in 0..A_CONNECTION {
            let body = announcement(&mut choices, connection * A_CONNECTION + number);
            let request = format!(
                "PUT /presence HTTP/1.1\r\nhost: auth\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).doing("announcing")?;
        }
        stream.flush().doing("announcing")?;
        let mut answers = Vec::new();
        // The server closes behind the last one.
        stream.read_to_end(&mut answers).ok();
        let answers = String::from_utf8_lossy(&answers);
        assert!(!answers.contains(['\u{1b}', '\u{9b}']), "{answers:?}");
        taken += answers.matches("HTTP/1.1 204").count();
        answered += answers.matches("HTTP/1.1 ").count();
    }
    assert_eq!(
        answered,
        count("announcements") / A_CONNECTION * A_CONNECTION
    );
    // Ten at once, and one each ten seconds.
    let most = 11 + usize::try_from(begun.elapsed().as_secs() / 10).unwrap_or(usize::MAX);
    assert!((1..=most).contains(&taken), "{taken} of {most}");
    let memory = stage
        .organisation
        .server()
        .and_then(|server| server.peak_memory());
    assert!(
        memory.is_some_and(|bytes| bytes < MAX_MEMORY_BYTES),
        "{memory:?}"
    );
    let shown = online(&stage)?;
    assert!(shown.lines().count() <= 2 && shown.contains(BOB), "{shown}");
    // Bob is where he was.
    stage.offer("a", b"contents")?;
    stage
        .alice
        .get("bob:files/a", &stage.inbox("a"))?
        .success()?;
    stage.check_identical("a")
}
