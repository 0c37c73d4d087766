//! `peer passwd [ALIAS]`, and the change of a password that was given for once.

use std::path::Path;

use common::identity::Alias;
use common::password;
use zeroize::Zeroizing;

use super::login::Member;
use super::tries::Tries;
use crate::auth_client::AuthClient;
use crate::auth_client::account::{ChangeAnswer, weak_password};
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::options;
use crate::ui::{self, prompt};

/// Where a new password comes from.
#[derive(Debug, Clone, Copy)]
pub enum NewPassword<'a> {
    /// Asked for twice, in these words.
    Ask(&'a str, &'a str),
    /// A file's first line, or standard input's next line for `-`.
    File(&'a Path),
    /// Nowhere: there is nobody to ask.
    Missing,
}

/// What the commands ask.
pub const ASK: NewPassword<'static> = NewPassword::Ask("new password: ", "new password again: ");

impl<'a> NewPassword<'a> {
    /// The file if there is one, else the person, else nowhere.
    pub fn from(file: Option<&'a Path>, may_ask: bool) -> Self {
        match file {
            Some(path) => Self::File(path),
            None if may_ask => ASK,
            None => Self::Missing,
        }
    }

    fn get(self, fits: impl Fn(&str) -> Result<(), Failure>) -> Result<Zeroizing<String>, Failure> {
        match self {
            Self::Ask(first, again) => prompt::twice(first, again, fits),
            Self::File(path) => ui::password_file(path),
            Self::Missing => Err(Failure::new(
                Exit::LoginRefused,
                "this password was given for once and must be replaced by another one",
            )
            .hint("log in on a terminal, or give --new-password-file FILE")),
        }
    }
}

/// A checked `passwd`.
#[derive(Debug)]
pub struct Passwd<'a> {
    /// Who, when given; else who logged in last.
    pub alias: Option<&'a str>,
    /// Whether what is missing may be asked for.
    pub may_ask: bool,
    /// Where the old password comes from; `None` asks.
    pub old_file: Option<&'a Path>,
    /// Where the new one comes from; `None` asks.
    pub new_file: Option<&'a Path>,
}

/// Asks for what is missing and changes the password: what to tell the user.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub fn run(store: &IdentityStore, passwd: &Passwd<'_>) -> Result<String, Failure> {
    let root = store.root()?;
    if !passwd.may_ask && (passwd.old_file.is_none() || passwd.new_file.is_none()) {
        return Err(Failure::new(
            Exit::Usage,
            "old and new password are needed, and may not be asked for",
        )
        .hint("give --old-password-file FILE and --new-password-file FILE"));
    }
    let alias = match passwd.alias {
        Some(alias) => alias.to_owned(),
        None => store.account()?.alias.ok_or_else(|| {
            Failure::new(Exit::Usage, "whose password is not known").hint("name the ALIAS")
        })?,
    };
    let member = Member {
        root: &root,
        servers: &super::login::servers(store, &[])?,
        alias: &options::alias(&alias)?,
    };
    let new = NewPassword::from(passwd.new_file, passwd.may_ask);
    let mut chosen = None;
    Tries::of(passwd.old_file).until_right(ui::error, || {
        let old = match passwd.old_file {
            Some(path) => ui::password_file(path)?,
            None => prompt::hidden("old password: ")?,
        };
        change(store, &member, &old, new, &mut chosen)
    })?;
    Ok(format!("changed the password of {alias}"))
}

/// Changes a password; who can be asked is asked until the new one is accepted. Returns it, or nothing
/// when the old one is wrong: then it stays in `chosen`, not to be asked for again.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub fn change(
    store: &IdentityStore,
    member: &Member<'_>,
    old: &str,
    new: NewPassword<'_>,
    chosen: &mut Option<Zeroizing<String>>,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let alias = member.alias;
    let fits = |new: &str| check_typed(new, old, alias);
    loop {
        let candidate = match chosen.take().filter(|chosen| fits(chosen).is_ok()) {
            Some(chosen) => chosen,
            None => new.get(fits)?,
        };
        let ask = |client: &AuthClient| client.change_password(alias.as_str(), old, &candidate);
        match (member.ask(store, ask)?, new) {
            (ChangeAnswer::Changed, _) => return Ok(Some(candidate)),
            (ChangeAnswer::Unauthorized, _) => {
                *chosen = Some(candidate);
                return Ok(None);
            }
            (ChangeAnswer::NotAccepted(failure), NewPassword::Ask(..)) => ui::error(&failure),
            (ChangeAnswer::NotAccepted(failure), _) => return Err(failure),
        }
    }
}

/// What can be seen of a new password before it is typed again; the rest only the server knows.
fn check_typed(new: &str, old: &str, alias: &Alias) -> Result<(), Failure> {
    let normal = password::check_form(new).map_err(|bad| weak_password(&bad.to_string()))?;
    if password::is_same(new, old) {
        return Err(weak_password("it is the old one"));
    }
    if normal.eq_ignore_ascii_case(alias.as_str()) {
        return Err(weak_password("it is the alias"));
    }
    Ok(())
}
