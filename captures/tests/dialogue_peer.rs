//! The dialogue of two bare peers, in real terminals, compared line by line.

use std::fs;

use captures::bare_peer::{Person, QUESTION};
use captures::dialogue::compare;
use captures::error::{Error, Result};
use captures::organisation::{Organisation, PASSWORD};
use captures::process::PATIENCE;
use captures::scratch::sha256;

/// Lines beyond the dialogue of old: who it was, and what was verified.
const EXTRA: [&str; 5] = [
    "  *",
    "peer: *",
    "Verified*",
    "Sharing * (members may read)",
    "./received_* verified, *",
];

fn greeting(alias: &str, port: u16) -> Vec<String> {
    vec![
        format!("Please enter your corp alias: {alias}"),
        "Please enter your password:".to_owned(),
        format!("Enter port to listen on: {port}"),
        format!("Listening for incoming connections on port localhost:{port}"),
    ]
}

fn compare_requester(person: &Person, promised: &[String]) {
    let promised: Vec<&str> = promised.iter().map(String::as_str).collect();
    compare(&person.terminal.lines(), &promised, &EXTRA).unwrap_or_else(|error| panic!("{error}"));
}

/// Two people, both logged in and listening.
fn two_people(organisation: &Organisation) -> Result<(Person, Person)> {
    organisation.add_user("user1")?;
    organisation.add_user("user2")?;
    let (mut one, mut two) = (Person::start(organisation)?, Person::start(organisation)?);
    for (person, alias) in [(&mut one, "user1"), (&mut two, "user2")] {
        person.log_in(alias, PASSWORD)?;
        person.listen()?;
    }
    Ok((one, two))
}

#[test]
fn two_people_exchange_a_file_as_they_always_did() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let (mut one, mut two) = two_people(&organisation)?;
    captures::scratch::generate(&two.folder().join("file1_.txt"), 700_000, 1)?;
    one.request(two.port, "file1_.txt")?;
    one.terminal
        .expect("File received written to: received_file1_.txt")?;
    one.terminal.expect(QUESTION)?;
    two.terminal.expect("Disconnecting ('127.0.0.1', ")?;
    assert_eq!(
        sha256(&one.folder().join("received_file1_.txt"))?,
        sha256(&two.folder().join("file1_.txt"))?
    );
    let mut promised = greeting("user1", one.port);
    promised.extend([
        format!("{QUESTION} t"),
        format!("Enter peer's port: {}", two.port),
        "Enter the file name: file1_.txt".to_owned(),
        format!("Requesting for file file1_.txt on localhost:{}", two.port),
        "Sent SECE".to_owned(),
        "Received certificate".to_owned(),
        "Sent RQFL".to_owned(),
        "File received written to: received_file1_.txt".to_owned(),
        QUESTION.to_owned(),
    ]);
    compare_requester(&one, &promised);
    let mut promised = greeting("user2", two.port);
    promised.extend([
        QUESTION.to_owned(),
        "Connected ('127.0.0.1', *)".to_owned(),
        "File request for: file1_.txt".to_owned(),
        "Disconnecting ('127.0.0.1', *)".to_owned(),
    ]);
    compare_listener(&two, &promised);
    Ok(())
}

/// The listener's lines appear while its question waits for an answer: on the line of the question,
/// or on one of their own with the question asked again.
fn compare_listener(person: &Person, promised: &[String]) {
    let promised: Vec<&str> = promised.iter().map(String::as_str).collect();
    let extra: Vec<&str> = EXTRA
        .into_iter()
        .chain([QUESTION, "Sent *", "Delivered: *"])
        .collect();
    let seen: Vec<String> = person
        .terminal
        .lines()
        .iter()
        .flat_map(|line| match line.strip_prefix(QUESTION) {
            Some(event) => vec![QUESTION.to_owned(), event.trim().to_owned()],
            None => vec![line.clone()],
        })
        .collect();
    compare(&seen, &promised, &extra).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_peer_is_listener_and_requester_in_one() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let (mut one, mut two) = two_people(&organisation)?;
    fs::write(one.folder().join("a.txt"), "from one").unwrap();
    fs::write(two.folder().join("b.txt"), "from two").unwrap();
    one.request(two.port, "b.txt")?;
    one.terminal
        .expect("File received written to: received_b.txt")?;
    two.terminal.expect("File request for: b.txt")?;
    two.request(one.port, "a.txt")?;
    two.terminal
        .expect("File received written to: received_a.txt")?;
    assert_eq!(
        fs::read(one.folder().join("received_b.txt")).unwrap(),
        b"from two"
    );
    assert_eq!(
        fs::read(two.folder().join("received_a.txt")).unwrap(),
        b"from one"
    );
    Ok(())
}

#[test]
fn a_missing_file_is_told_and_the_dialogue_goes_on() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let (mut one, mut two) = two_people(&organisation)?;
    one.request(two.port, "missing.txt")?;
    one.terminal.expect("missing.txt")?;
    one.terminal.expect(QUESTION)?;
    assert!(!one.folder().join("received_missing.txt").exists());
    fs::write(two.folder().join("there.txt"), "there").unwrap();
    one.request(two.port, "there.txt")?;
    one.terminal
        .expect("File received written to: received_there.txt")?;
    two.terminal.expect("File request for: there.txt")
}

#[test]
fn an_empty_file_arrives_as_an_empty_file() -> Result<()> {
    // An ancestor printed success and made nothing.
    let organisation = Organisation::start("Example")?;
    let (mut one, two) = two_people(&organisation)?;
    fs::write(two.folder().join("empty"), "").unwrap();
    one.request(two.port, "empty")?;
    one.terminal
        .expect("File received written to: received_empty")?;
    assert_eq!(fs::read(one.folder().join("received_empty")).unwrap(), b"");
    Ok(())
}

#[test]
fn a_wrong_login_is_unauthorized() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("user1")?;
    let mut person = Person::start(&organisation)?;
    for _ in 0..3 {
        person.log_in("user1", "some-other-long-password")?;
        person.terminal.expect("Unauthorized")?;
    }
    assert_eq!(person.terminal.finish(PATIENCE)?, Some(4));
    let once = [
        "Please enter your corp alias: user1",
        "Please enter your password:",
        "Unauthorized",
    ];
    compare_requester(
        &person,
        &[once, once, once]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    );
    Ok(())
}

#[test]
fn who_mistypes_alias_or_password_gets_in_at_the_next_try() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("user1")?;
    let mut person = Person::start(&organisation)?;
    person.log_in("user2", PASSWORD)?;
    person.terminal.expect("Unauthorized")?;
    person.log_in("user1", PASSWORD)?;
    person.listen()
}

#[test]
fn without_an_auth_server_there_is_a_connection_error() -> Result<()> {
    let mut organisation = Organisation::start("Example")?;
    organisation.add_user("user1")?;
    let mut person = Person::start(&organisation)?;
    organisation.stop();
    person.log_in("user1", PASSWORD)?;
    person.terminal.expect("Auth Server Connection Error")?;
    assert_eq!(person.terminal.finish(PATIENCE)?, Some(5));
    Ok(())
}

#[test]
fn the_password_is_not_on_the_screen() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let (one, _two) = two_people(&organisation)?;
    assert!(!one.terminal.transcript().contains(PASSWORD));
    Ok(())
}

#[test]
fn ctrl_c_at_any_question_says_goodbye_and_restores_the_terminal() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("user1")?;
    for phase in 0..6 {
        let mut person = Person::start(&organisation)?;
        person.walk_to(phase)?;
        person.terminal.press_ctrl_c()?;
        person
            .terminal
            .expect("Exiting Program!")
            .map_err(|error| in_phase(phase, &error))?;
        let code = person.terminal.finish(PATIENCE)?;
        assert_eq!(
            code,
            Some(130),
            "phase {phase}: {}",
            person.terminal.transcript()
        );
        assert!(
            person.terminal.echoes()?,
            "phase {phase} leaves a terminal without echo"
        );
    }
    Ok(())
}

fn in_phase(phase: usize, error: &Error) -> Error {
    Error::Unexpected(format!("phase {phase}: {error}"))
}
