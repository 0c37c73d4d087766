//! The command line, checked: plain values that the commands take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::identity::Alias;
use common::name::Escaped;

use crate::address::{PeerAddress, RemoteFile};
use crate::cli::{Listen, OverwritePolicy};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::share::{Share, Shares};

/// What every command may need to know.
#[derive(Debug, Clone)]
pub struct Common {
    /// Print only errors and data.
    pub quiet: bool,
    /// Whether questions may be asked.
    pub may_ask: bool,
    /// Silence of the other side after which to give up.
    pub timeout: Duration,
    /// The process's umask.
    pub umask: u32,
}

/// Where fetched files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Into a folder, under their own names.
    Folder(PathBuf),
    /// To one path.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// A checked `get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Get {
    /// The provider.
    pub peer: PeerAddress,
    /// Names at the provider.
    pub paths: Vec<RemoteFile>,
    /// Where to.
    pub place: Place,
    /// Who must answer.
    pub expect: Option<Alias>,
    /// What to do with taken names.
    pub overwrite: OverwritePolicy,
}

impl Get {
    /// Checks the operands of `get`.
    ///
    /// # Errors
    /// When they name no file, several peers, or a place that does not fit.
    pub fn new(
        operands: &[String],
        expect: Option<&str>,
        overwrite: OverwritePolicy,
    ) -> Result<Self, Failure> {
        let (sources, destination) = match operands.split_last() {
            Some((last, rest)) if !rest.is_empty() && !is_source(last, rest) => {
                (rest, Some(last.as_str()))
            }
            _ => (operands, None),
        };
        let paths = sources
            .iter()
            .map(|source| source.parse())
            .collect::<Result<Vec<RemoteFile>, _>>()?;
        let Some(first) = paths.first() else {
            return Err(Failure::new(Exit::Usage, "no file is named").hint("write PEER:PATH"));
        };
        if paths.iter().any(|path| path.peer != first.peer) {
            return Err(
                Failure::new(Exit::Usage, "the files are on different peers")
                    .hint("run one peer get for each peer"),
            );
        }
        let peer = first.peer.clone();
        Ok(Self {
            expect: expected(expect, &peer)?,
            peer,
            place: place(destination, paths.len())?,
            paths,
            overwrite,
        })
    }
}

/// Whether the last word names a file of a peer, not a place here. `alice/laptop:a` could be both:
/// it is what the words before it are.
fn is_source(last: &str, before: &[String]) -> bool {
    let peer = |word: &str| word.parse().map(|file: RemoteFile| file.peer).ok();
    let first = before.first().and_then(|first| peer(first));
    RemoteFile::is_meant_by(last) || (first.is_some() && peer(last) == first)
}

/// Who must answer: a person who is asked for by name, whoever else is expected.
fn expected(expect: Option<&str>, peer: &PeerAddress) -> Result<Option<Alias>, Failure> {
    let named = peer.alias().cloned();
    match (expect.map(alias).transpose()?, named) {
        (Some(expect), Some(named)) if expect != named => Err(Failure::new(
            Exit::Usage,
            format!("{named} is asked, but {expect} is expected"),
        )
        .hint("leave --expect out")),
        (expect, named) => Ok(expect.or(named)),
    }
}

fn place(destination: Option<&str>, files: usize) -> Result<Place, Failure> {
    match destination {
        None => Ok(Place::Folder(".".into())),
        Some("-") => Ok(Place::Stdout),
        Some(path) if Path::new(path).is_dir() => Ok(Place::Folder(path.into())),
        Some(path) if path.ends_with('/') || files > 1 => Err(Failure::new(
            Exit::LocalFile,
            format!("{} is not a folder", Escaped(path)),
        )
        .hint("make it first with mkdir")),
        Some(path) => Ok(Place::File(path.into())),
    }
}

/// Checks an alias.
///
/// # Errors
/// When it breaks the rules for aliases.
pub fn alias(text: &str) -> Result<Alias, Failure> {
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("{} is not an alias: {error}", Escaped(text)),
        )
    })
}

fn holds_the_key(folder: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        format!(
            "{} holds this device's private key and is never shared",
            Escaped(folder)
        ),
    )
    .hint("share a folder made for it")
}

/// Opens the shares named on the command line.
///
/// # Errors
/// When one is not of the form NAME=DIR, or its folder cannot be opened or holds the device's key.
pub fn shares(listen: &Listen, home: &Home) -> Result<Shares, Failure> {
    let opened = listen
        .shares
        .iter()
        .map(|share| match share.split_once('=') {
            Some((_, folder)) if home.is_inside(Path::new(folder)) => Err(holds_the_key(folder)),
            Some((name, folder)) => Share::open(name, Path::new(folder)),
            None => Err(
                Failure::new(Exit::Usage, format!("{} is not a share", Escaped(share)))
                    .hint("write NAME=FOLDER"),
            ),
        })
        .collect::<Result<_, _>>()?;
    Shares::new(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(operands: &[&str]) -> Result<Get, Failure> {
        let operands: Vec<String> = operands.iter().map(|&text| text.into()).collect();
        Get::new(&operands, None, OverwritePolicy::Ask)
    }

    #[test]
    fn the_last_operand_without_a_peer_is_the_destination() {
        assert_eq!(get(&["1991:a"]).unwrap().place, Place::Folder(".".into()));
        assert_eq!(get(&["1991:a", "-"]).unwrap().place, Place::Stdout);
        assert_eq!(
            get(&["1991:a", "b"]).unwrap().place,
            Place::File("b".into())
        );
        assert_eq!(
            get(&["1991:a", "/"]).unwrap().place,
            Place::Folder("/".into())
        );
        assert_eq!(get(&["1991:a", "1991:b"]).unwrap().paths.len(), 2);
        let of_one_device = get(&["alice/laptop:a", "alice/laptop:b"]).unwrap();
        assert_eq!(of_one_device.paths.len(), 2);
        assert_eq!(
            get(&["alice:a", "folder/b:c"]).unwrap().place,
            Place::File("folder/b:c".into())
        );
    }

    #[test]
    fn who_is_asked_by_name_must_answer() {
        let named = get(&["alice:a"]).unwrap();
        assert_eq!(named.expect.unwrap().as_str(), "alice");
        let operands = ["alice:a".to_owned()];
        let other = Get::new(&operands, Some("bob"), OverwritePolicy::Ask);
        assert_eq!(other.unwrap_err().exit, Exit::Usage);
        assert!(Get::new(&operands, Some("alice"), OverwritePolicy::Ask).is_ok());
        assert_eq!(get(&["1991:a"]).unwrap().expect, None);
    }

    #[test]
    fn operands_that_do_not_fit_are_usage_errors() {
        assert_eq!(get(&["a"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(get(&["Alice:a"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(get(&["1991:a", "1992:b"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(
            get(&["1991:a", "1991:b", "c"]).unwrap_err().exit,
            Exit::LocalFile
        );
        assert_eq!(
            get(&["1991:a", "missing/"]).unwrap_err().exit,
            Exit::LocalFile
        );
    }

    #[test]
    fn a_folder_with_the_device_s_key_is_never_shared() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("inner/orgshare");
        let apart = folder.path().join("apart");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&apart).unwrap();
        std::os::unix::fs::symlink(&data, folder.path().join("link")).unwrap();
        let home = Home::locate(Some(data.clone())).unwrap();
        let open = |shared: &Path| {
            let shares = vec![format!("a={}", shared.display())];
            shares_of(&home, shares).map(|_| ())
        };
        for holding in [
            &data,
            &folder.path().join("inner"),
            folder.path(),
            &folder.path().join("link"),
        ] {
            assert_eq!(open(holding).unwrap_err().exit, Exit::Usage, "{holding:?}");
        }
        assert_eq!(open(&apart), Ok(()));
    }

    fn shares_of(home: &Home, shares: Vec<String>) -> Result<Shares, Failure> {
        let listen = Listen {
            bind: None,
            shares,
            unlisted: false,
        };
        super::shares(&listen, home)
    }
}
