//! A listener whose terminal is gone still serves, and still ends when it is told to.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use captures::error::Result;
use captures::process::{PATIENCE, ends_within};
use captures::stage::Stage;
use rustix::process::{Pid, Signal, kill_process};

/// Ends with the test.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_listener_without_a_terminal_serves_on_and_ends_on_sigterm() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let share = format!("files={}", stage.shared().display());
    let arguments = ["serve", "--bind", "localhost", "--share", &share];
    let mut command = stage.bob.command(&arguments);
    let mut listener = Guarded(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut terminal = BufReader::new(listener.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Listening") {
        line.clear();
        assert!(terminal.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let port = line.trim().rsplit(':').next().unwrap().to_owned();
    drop(terminal);
    let source = format!("{port}:files/a");
    for name in ["first", "second"] {
        stage.alice.get(&source, &stage.inbox(name))?.success()?;
    }
    kill_process(Pid::from_child(&listener.0), Signal::TERM).unwrap();
    assert!(ends_within(&listener.0, PATIENCE)?, "SIGTERM was ignored");
    assert_eq!(listener.0.wait().unwrap().code(), Some(143));
    Ok(())
}
