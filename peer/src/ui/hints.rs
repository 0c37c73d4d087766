//! Commands that a message tells people to run, as they have to type them here.

use std::path::Path;
use std::sync::OnceLock;

/// What they begin with.
const PROGRAM: &str = "peer ";

/// What commands on this device need beside their own words.
struct Here {
    folder: String,
    commands: Vec<String>,
}

static HERE: OnceLock<Here> = OnceLock::new();

/// From now on each of `commands` that a message names comes with `--dir FOLDER`: without it, it would
/// work on another folder than the one that is spoken of.
pub fn commands_need(folder: &Path, commands: impl Iterator<Item = String>) {
    // Only the first command line of a process counts; there is no second.
    let _ = HERE.set(Here {
        folder: quoted(&folder.display().to_string()),
        commands: commands.collect(),
    });
}

/// A message with its commands complete.
pub(super) fn complete(text: &str) -> String {
    match HERE.get() {
        Some(here) => here.complete(text),
        None => text.to_owned(),
    }
}

impl Here {
    fn complete(&self, text: &str) -> String {
        let mut parts = text.split(PROGRAM);
        let mut complete = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let command = self.command(part);
            complete.push_str(PROGRAM);
            complete.push_str(command);
            if !command.is_empty() {
                complete.push_str(" --dir ");
                complete.push_str(&self.folder);
            }
            complete.push_str(&part[command.len()..]);
        }
        complete
    }

    /// The command that the text begins with. `peer serve runs` speaks of another device.
    fn command<'a>(&self, text: &'a str) -> &'a str {
        let end = text.find(|c: char| !c.is_ascii_alphabetic());
        let word = &text[..end.unwrap_or(text.len())];
        let is_command = self.commands.iter().any(|command| command == word);
        match is_command && !text[word.len()..].starts_with(" runs") {
            true => word,
            false => "",
        }
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_with_the_folder_and_other_words_are_left_alone() {
        let here = Here {
            folder: quoted("/srv/my peer"),
            commands: ["login", "serve", "renew"].map(str::to_owned).to_vec(),
        };
        for (text, complete) in [
            (
                "run peer login ALIAS",
                "run peer login --dir '/srv/my peer' ALIAS",
            ),
            (
                "peer renew, or peer login; check",
                "peer renew --dir '/srv/my peer', or peer login --dir '/srv/my peer'; check",
            ),
            ("the peer is gone", "the peer is gone"),
            ("while peer serve runs there", "while peer serve runs there"),
            ("", ""),
        ] {
            assert_eq!(here.complete(text), complete);
        }
    }

    #[test]
    fn a_folder_is_one_word_of_a_shell() {
        for (text, word) in [
            ("/srv/a-b_c.d", "/srv/a-b_c.d"),
            ("a b", "'a b'"),
            ("a'b", "'a'\\''b'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }
}
