//! Where passphrases and passwords come from: a file, standard input, the service manager, or a
//! prompt that hides them. Never the command line, never the environment.

use std::fs::File;
use std::io::{self, Read, stdin};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::options::PasswordSource;
use crate::password::{self, WeakPassword};
use crate::{terminal, ui};

/// Bytes of a file with a secret in it.
const MAX_SECRET_FILE_BYTES: u64 = 4096;
/// The name under which a service manager hands over the passphrase (systemd.exec, Credentials).
const CREDENTIAL: &str = "orgshare-auth-passphrase";
/// The permission bits with which group and others read.
const OTHERS_READ: u32 = 0o044;
/// Wrong answers after which a passphrase is not asked for again.
pub const MAX_TRIES: usize = 3;

/// Reads a secret from a file, or from standard input for `-`: all of it, but for one line end.
///
/// # Errors
/// When it cannot be read, is empty, too long or no text.
pub fn from_file(path: &Path) -> Result<SecretString, Failure> {
    if path.as_os_str() == "-" {
        return read_secret(stdin(), "standard input");
    }
    let unreadable = |error| {
        Failure::io(path, &error).cure(
            "give a file with the secret in one line that this user can read, or - for standard \
             input",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    if is_open_to_others(&file).map_err(unreadable)? {
        let path = path.display();
        ui::warning(&format!(
            "others can read {path}, and what it holds is secret; close it with: chmod 600 {path}"
        ));
    }
    read_secret(file, &path.display().to_string())
}

/// Whether others can read what this user keeps there. Pipes, and files that a service manager keeps
/// for this user, are not this user's to close.
fn is_open_to_others(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let readable = metadata.mode() & OTHERS_READ != 0;
    Ok(metadata.is_file() && metadata.uid() == geteuid().as_raw() && readable)
}

fn read_secret(source: impl Read, name: &str) -> Result<SecretString, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    source
        .take(MAX_SECRET_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::local_file(format!("{name}: {error}")))?;
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| u64::try_from(text.len()).is_ok_and(|len| len <= MAX_SECRET_FILE_BYTES))
        .ok_or_else(|| Failure::local_file(format!("{name} does not hold one line of text")))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::local_file(format!("{name} is empty")));
    }
    Ok(SecretString::from(line))
}

/// The file with the passphrase: the one given, else the service manager's.
pub fn passphrase_file(given: Option<&Path>) -> Option<PathBuf> {
    let credential = || {
        std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|dir| PathBuf::from(dir).join(CREDENTIAL))
            .filter(|path| path.exists())
    };
    given.map(Path::to_owned).or_else(credential)
}

fn demand_terminal(what: &str, cure: &str) -> Result<(), Failure> {
    if terminal::is_interactive() {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no terminal to ask for {what}")).cure(cure))
}

/// A new passphrase for the root key: from the file, or asked for twice.
///
/// # Errors
/// When it breaks the rules for passwords, or cannot be had.
pub async fn new_passphrase(
    file: Option<&Path>,
    organisation: &str,
) -> Result<SecretString, Failure> {
    if let Some(path) = passphrase_file(file) {
        let passphrase = from_file(&path)?;
        return match password::check_new(&passphrase, &[organisation]) {
            Ok(()) => Ok(passphrase),
            Err(weak) => Err(refused(weak)),
        };
    }
    demand_terminal("a passphrase", "give --passphrase-file")?;
    let prompts = (
        "New passphrase for the root key: ",
        "New passphrase again: ",
    );
    ask_new(prompts, &[organisation]).await
}

/// The passphrase of an existing root key, asked for.
///
/// # Errors
/// When there is nobody to ask.
pub async fn ask_passphrase(may_prompt: bool) -> Result<SecretString, Failure> {
    let cure = "give --passphrase-file";
    if !may_prompt {
        return Err(Failure::usage("the root key needs its passphrase").cure(cure));
    }
    demand_terminal("the passphrase", cure)?;
    terminal::ask_hidden("Passphrase of the root key: ").await
}

/// A new password of a user. One that is typed is asked for until it is good; one from elsewhere is
/// for who carries the order out to judge.
///
/// # Errors
/// When it cannot be had.
pub async fn new_password(source: PasswordSource, names: &[&str]) -> Result<SecretString, Failure> {
    match source {
        PasswordSource::Prompt => {
            demand_terminal(
                "a password",
                "give --password-file FILE, or - for standard input",
            )?;
            ask_new_password(names).await
        }
        PasswordSource::File(path) => from_file(&path),
    }
}

/// A new password, asked for until it is good and typed twice the same.
///
/// # Errors
/// When the input ends.
pub async fn ask_new_password(names: &[&str]) -> Result<SecretString, Failure> {
    ask_new(("Enter Password: ", "Enter Password again: "), names).await
}

async fn ask_new(
    (first, again): (&'static str, &'static str),
    names: &[&str],
) -> Result<SecretString, Failure> {
    loop {
        let secret = terminal::ask_hidden(first).await?;
        if let Err(weak) = password::check_new(&secret, names) {
            ui::message(&format!("Not accepted: {weak}."));
            continue;
        }
        let repeated = terminal::ask_hidden(again).await?;
        if secret.expose_secret() == repeated.expose_secret() {
            return Ok(secret);
        }
        ui::message("Not accepted: the two do not match.");
    }
}

fn refused(weak: WeakPassword) -> Failure {
    Failure::other(format!("the passphrase is not accepted: {weak}"))
        .cure("choose a longer or less common one, such as four or five random words")
}
