//! Waiting has an end, and guards guard.

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_line_said_late_is_found() {
    let running = Running::start(&mut shell("echo one >&2; echo port 17 >&2; cat")).unwrap();
    let port = running.wait_for("a port", PATIENCE, |line| {
        line.strip_prefix("port ").map(str::to_owned)
    });
    assert_eq!(port.unwrap(), "17");
}

#[test]
fn a_program_that_ends_too_early_is_told_with_what_it_said() {
    let running = Running::start(&mut shell("echo no such luck >&2; exit 3")).unwrap();
    let error = running.wait_for_text("ready").unwrap_err().to_string();
    assert!(
        error.contains("ended before ready") && error.contains("no such luck"),
        "{error}"
    );
}

#[test]
fn a_program_that_never_says_it_is_given_up() {
    let running = Running::start(&mut shell("echo hm >&2; exec sleep 100")).unwrap();
    let error = running.wait_for("more", Duration::from_millis(200), |line| {
        (line == "more").then_some(())
    });
    assert!(matches!(error, Err(Error::Deadline { .. })), "{error:?}");
}

#[test]
fn a_program_does_not_outlive_its_guard() {
    let running = Running::start(&mut shell("exec sleep 100")).unwrap();
    let id = running.id();
    assert!(peak_memory(id).is_some());
    drop(running);
    assert_eq!(peak_memory(id), None);
}

#[test]
fn a_program_that_hangs_is_told() {
    let running = Running::start(&mut shell("exec sleep 100")).unwrap();
    let error = running.finish(Duration::from_millis(50));
    assert!(matches!(error, Err(Error::Deadline { .. })), "{error:?}");
}

#[test]
fn a_missing_tool_is_told_with_its_package() {
    let error = tool("no-such-tool", "its-package").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no-such-tool is missing; install the Debian package its-package"
    );
}

#[test]
fn a_program_seen_to_have_ended_can_still_be_finished() {
    let mut running = Running::start(&mut shell("exit 4")).unwrap();
    while running.is_running().unwrap() {
        thread::yield_now();
    }
    assert_eq!(running.finish(PATIENCE).unwrap().code, Some(4));
}
