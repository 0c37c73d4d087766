//! docs/OPERATIONS.md: every command that it shows in a `sh` block is run, in its order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use captures::error::Result;
use captures::organisation::write_secret;
use captures::process::{self, Finished};
use captures::programs::{Programs, clean_command, workspace_folder};
use captures::scratch;

/// The lines of all `sh` blocks.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(workspace_folder().join("docs/OPERATIONS.md")).unwrap();
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

/// A port that was free a moment ago, outside the range that the system gives away.
fn port() -> u16 {
    let own = u16::try_from(std::process::id() % 1000).unwrap();
    (20_000..30_000)
        .map(|port| port + own)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// Somebody logs in with stock programs: the number that the reader would put in.
const A_DEVICE: &str = r#"PORT=${ORGSHARE_AUTH_LISTEN##*:}
umask 077
echo 'plum glacier window ostrich seven' >secret
auth-server user add dora --password-file secret
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=dora -keyout dora.key -out dora.csr
CSR=$(awk '{ printf "%s\\n", $0 }' dora.csr)
curl --silent --fail --cacert authority/root.crt --resolve "auth.acme.example:$PORT:127.0.0.1" \
     --header 'Content-Type: application/json' --output dora.crt \
     --data "{\"alias\":\"dora\",\"password\":\"$(cat secret)\",\"csr\":\"$CSR\"}" \
     "https://auth.acme.example:$PORT/verify"
SERIAL=$(auth-server cert list --alias dora --json | sed 's/.*"serial":"\([0-9a-f]*\)".*/\1/')
"#;

/// The commands as one script that stops at the first failure. Where the text starts the server,
/// the script waits for it; where the reader puts a number in, it makes a device and takes its.
fn script(folder: &Path) -> String {
    let mut script = "set -eux -o pipefail\n\
                      trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
        .to_owned();
    for line in commands() {
        let line = line.replace("/var/lib/orgshare", folder.join("new").to_str().unwrap());
        if line.contains("$SERIAL") {
            script.push_str(A_DEVICE);
        }
        script.push_str(&line);
        script.push('\n');
        if line.ends_with('&') {
            script.push_str("until auth-server doctor | grep 'the server answers'; do :; done\n");
        }
    }
    script
}

/// Runs a script in a scratch folder with a passphrase, where the programs are on the path.
fn run(script: impl FnOnce(&Path) -> String) -> Result<Finished> {
    let home = scratch::folder()?;
    let programs = Programs::get()?;
    let path = std::env::var("PATH").unwrap();
    let folders = [&programs.auth_server, &programs.peer]
        .map(|program| program.parent().unwrap().to_str().unwrap().to_owned());
    let passphrase = home.path().join("passphrase");
    write_secret(&passphrase, "four lanterns by the quiet lock")?;
    let mut command = clean_command(Path::new("/bin/bash"), home.path());
    command
        .args(["-c", &script(home.path())])
        .current_dir(home.path())
        .env("PATH", format!("{}:{}:{path}", folders[0], folders[1]))
        .env("ORGSHARE_AUTH_DIR", home.path().join("authority"))
        .env("ORGSHARE_AUTH_PASSPHRASE_FILE", passphrase)
        .env("ORGSHARE_AUTH_LISTEN", format!("127.0.0.1:{}", port()))
        .stdin(Stdio::null());
    process::run(&mut command)
}

#[test]
fn the_operator_s_guide_works_as_it_is_written() -> Result<()> {
    let text = commands().join("\n");
    for mentioned in [
        "init",
        "user add",
        "user revoke",
        "user passwd",
        "backup",
        "restore",
    ] {
        assert!(text.contains(mentioned), "{mentioned}");
    }
    run(script)?.success().map(drop)
}

#[test]
fn a_guide_with_a_command_that_fails_would_be_noticed() -> Result<()> {
    let wrong = |folder: &Path| {
        let whole = script(folder);
        let first = whole.find("auth-server init").unwrap();
        format!(
            "{}auth-server user list\n{}",
            &whole[..first],
            &whole[first..]
        )
    };
    let finished = run(wrong)?;
    assert_eq!(finished.code, Some(10), "{}", finished.said());
    Ok(())
}
