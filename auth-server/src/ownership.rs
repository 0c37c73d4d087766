//! Whose folder it is. Commands run as the user who owns the server's folder: what another one
//! writes there, a lock or a journal of the store included, would shut the server out.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use crate::failure::Failure;

/// The folder of a server that the machine itself runs.
pub const SYSTEM_DIR: &str = "/var/lib/orgshare";
/// The users of this machine (passwd(5)); those of a directory service are not in it.
const USERS: &str = "/etc/passwd";

/// Refuses a folder that belongs to another user, and says how to become that one. The file that is
/// `read`, if any, is one that this user may open, and that one perhaps not: the line hands it over
/// open.
///
/// # Errors
/// When it does. One that is not there, or cannot be looked at, is left to those who use it.
pub fn demand(dir: &Path, read: Option<&Path>) -> Result<(), Failure> {
    let Ok(metadata) = std::fs::metadata(dir) else {
        return Ok(());
    };
    let (own, owner) = (geteuid().as_raw(), metadata.uid());
    if owner == own {
        return Ok(());
    }
    let what = format!(
        "{} belongs to {}, and this runs as {}",
        dir.display(),
        called(owner),
        called(own)
    );
    let typed: Vec<OsString> = std::env::args_os().collect();
    let mut line = becoming(own, owner, metadata.gid());
    line.extend(again(&typed, dir, read));
    Err(Failure::local_file(what).cure(format!("run it as that user: {}", line.join(" "))))
}

/// Whether this process owns the folder.
pub fn is_ours(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|metadata| metadata.uid() == geteuid().as_raw())
}

/// A user as people know one.
pub fn called(user: u32) -> String {
    name(user).unwrap_or_else(|| format!("user {user}"))
}

fn name(user: u32) -> Option<String> {
    let users = std::fs::read_to_string(USERS).ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    })
}

fn becoming(own: u32, user: u32, group: u32) -> Vec<String> {
    let words = match (own, name(user)) {
        (0, Some(name)) => format!("runuser -u {} --", quoted(&name)),
        (0, None) => format!("setpriv --reuid={user} --regid={group} --clear-groups --"),
        (_, Some(name)) => format!("sudo -u {}", quoted(&name)),
        (_, None) => format!("sudo -u '#{user}'"),
    };
    vec![words]
}

/// The command as it was typed, with the folder in it where another user would not find it, and the
/// file that is read as its standard input.
fn again(typed: &[OsString], dir: &Path, read: Option<&Path>) -> Vec<String> {
    let mut words: Vec<String> = typed
        .iter()
        .map(|word| word.to_string_lossy().into())
        .collect();
    let names_it = words
        .iter()
        .any(|word| word == "--dir" || word.starts_with("--dir="));
    if !names_it && dir != Path::new(SYSTEM_DIR) && !words.is_empty() {
        words.insert(1, "--dir".to_owned());
        words.insert(2, dir.to_string_lossy().into_owned());
    }
    let read = read.map(|read| read.to_string_lossy().into_owned());
    let named = words.iter().rposition(|word| Some(word) == read.as_ref());
    let mut line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    if let (Some(at), Some(read)) = (named, read) {
        line[at] = "-".to_owned();
        line.extend(["<".to_owned(), quoted(&read)]);
    }
    line
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(typed: &[&str], dir: &str) -> String {
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        again(&typed, Path::new(dir), None).join(" ")
    }

    #[test]
    fn the_command_is_given_again_with_its_folder_as_a_shell_reads_it() {
        let typed = ["auth-server", "init", "--org", "Acme's Corp"];
        assert_eq!(
            line(&typed, "/srv/my ca"),
            r"auth-server --dir '/srv/my ca' init --org 'Acme'\''s Corp'"
        );
        let typed = ["auth-server", "user", "list"];
        assert_eq!(line(&typed, SYSTEM_DIR), "auth-server user list");
        let typed = ["auth-server", "--dir=/srv", "user", "list"];
        assert_eq!(line(&typed, "/srv"), "auth-server --dir=/srv user list");
    }

    #[test]
    fn a_file_that_only_this_user_may_read_is_handed_over_open() {
        let typed = ["auth-server", "restore", "my backup", "--dir", "/srv"];
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        let line = again(&typed, Path::new("/srv"), Some(Path::new("my backup")));
        assert_eq!(
            line.join(" "),
            "auth-server restore - --dir /srv < 'my backup'"
        );
    }

    #[test]
    fn root_becomes_the_owner_by_runuser_and_others_ask_sudo() {
        let nobody_s = u32::MAX - 7;
        assert_eq!(becoming(5, 0, 0), ["sudo -u root"]);
        assert_eq!(becoming(0, 0, 0), ["runuser -u root --"]);
        assert_eq!(
            becoming(0, nobody_s, 9),
            [format!(
                "setpriv --reuid={nobody_s} --regid=9 --clear-groups --"
            )]
        );
        assert_eq!(becoming(5, nobody_s, 9), [format!("sudo -u '#{nobody_s}'")]);
    }
}
