//! The dialogue of the auth server, in a real terminal, compared line by line.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::PathBuf;

use captures::dialogue::compare;
use captures::error::Result;
use captures::organisation::{Organisation, PASSWORD, fingerprint_in};
use captures::process::{PATIENCE, free_port};
use captures::programs::Programs;
use captures::scratch::folder;
use captures::terminal::Terminal;

/// Lines beyond the dialogue of old.
const EXTRA: [&str; 5] = [
    "  *",
    "*listening on https://*",
    "Enter Password again:",
    "*INFO*",
    "peer trust *",
];

const ADD: &str = "Add new user? (t/f) ";

fn start(organisation: &Organisation, port: u16) -> Result<Terminal> {
    let address = format!("127.0.0.1:{port}");
    let command = organisation.command(&["run", "--listen", &address, "--add-users"]);
    let mut arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    arguments.push("--passphrase-file".to_owned());
    arguments.push(
        organisation
            .passphrase_file()
            .to_string_lossy()
            .into_owned(),
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Terminal::start(
        &PathBuf::from(command.get_program()),
        &arguments,
        &organisation.folder(),
    )
}

fn type_password(terminal: &mut Terminal, password: &str) -> Result<()> {
    terminal.answer_hidden("Enter Password:", password)?;
    terminal.answer_hidden("again:", password)
}

#[test]
fn people_are_added_before_the_server_starts() -> Result<()> {
    let organisation = Organisation::init("Example")?;
    let port = free_port()?;
    let mut terminal = start(&organisation, port)?;
    terminal.expect(ADD)?;
    // Nobody is let in who would wait for the administrator's answer.
    let refused = TcpStream::connect(("127.0.0.1", port)).map(drop);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    terminal.type_line("t")?;
    terminal.answer("Enter Alias: ", "user3")?;
    type_password(&mut terminal, PASSWORD)?;
    terminal.answer(ADD, "f")?;
    terminal.expect("Auth server running.")?;
    let url = format!("https://127.0.0.1:{port}");
    let device = captures::device::Device::new()?;
    device.trust(&url, organisation.fingerprint())?.success()?;
    device.log_in("user3")?;
    terminal.expect("\"POST /verify HTTP/1.1\" 200")?;
    terminal.expect("\n")?;
    let promised = [
        "Before starting authserver, you can add new users here...",
        "Add new user? (t/f) t",
        "Enter Alias: user3",
        "Enter Password:",
        "Add new user? (t/f) f",
        "Auth server running.",
        "127.0.0.1 - - [*/*/* *:*:*] \"POST /verify HTTP/1.1\" 200 -",
    ];
    let extra: Vec<&str> = EXTRA
        .into_iter()
        .chain(["127.0.0.1 - - [*] \"GET /root.* HTTP/1.1\" * -"])
        .collect();
    compare(&terminal.lines(), &promised, &extra).unwrap_or_else(|error| panic!("{error}"));
    assert!(!terminal.transcript().contains(PASSWORD));
    Ok(())
}

#[test]
fn a_weak_password_is_refused_and_the_dialogue_goes_on() -> Result<()> {
    let organisation = Organisation::init("Example")?;
    let mut terminal = start(&organisation, free_port()?)?;
    terminal.answer(ADD, "t")?;
    terminal.answer("Enter Alias: ", "user3")?;
    terminal.answer_hidden("Enter Password:", "short")?;
    terminal.expect("15")?;
    terminal.press_ctrl_c()?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(130));
    assert!(terminal.echoes()?);
    Ok(())
}

#[test]
fn a_first_start_also_makes_the_organisation() -> Result<()> {
    let home = folder()?;
    let authority = home.path().join("authority");
    let programs = Programs::get()?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let arguments = ["--dir", &authority.to_string_lossy(), "--listen", &address];
    let mut terminal = Terminal::start(&programs.auth_server, &arguments, home.path())?;
    terminal.expect("rganisation")?;
    terminal.type_line("Example")?;
    terminal.expect("assphrase")?;
    terminal.wait_until_hidden()?;
    terminal.type_line("seven-lanterns-above-the-quiet-lock")?;
    terminal.expect("assphrase")?;
    terminal.wait_until_hidden()?;
    terminal.type_line("seven-lanterns-above-the-quiet-lock")?;
    terminal.expect(ADD)?;
    fingerprint_in(&terminal.transcript())?;
    let port = address.trim_start_matches("127.0.0.1");
    assert!(
        terminal
            .transcript()
            .contains(&format!("{port} --fingerprint"))
    );
    assert!(!terminal.transcript().contains("seven-lanterns"));
    terminal.press_ctrl_c()?;
    terminal.expect("Exiting Program!")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(130));
    Ok(())
}

#[test]
fn ctrl_c_at_any_question_restores_the_terminal() -> Result<()> {
    let organisation = Organisation::init("Example")?;
    for phase in 0..4 {
        let mut terminal = start(&organisation, free_port()?)?;
        terminal.expect(ADD)?;
        if phase == 3 {
            terminal.type_line("f")?;
            terminal.expect("Auth server running.")?;
        } else if phase > 0 {
            terminal.type_line("t")?;
            terminal.expect("Enter Alias: ")?;
        }
        if phase == 2 {
            terminal.type_line("user3")?;
            terminal.expect("Enter Password:")?;
            terminal.wait_until_hidden()?;
        }
        terminal.press_ctrl_c()?;
        terminal.expect("Exiting Program!")?;
        assert_eq!(terminal.finish(PATIENCE)?, Some(130), "phase {phase}");
        assert!(
            terminal.echoes()?,
            "phase {phase} leaves a terminal without echo"
        );
    }
    Ok(())
}
