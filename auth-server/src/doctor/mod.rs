//! Whether everything is in order. Each check returns what it found and changes nothing.

mod authority;
mod events;
mod files;
mod server;

use std::path::Path;
use std::sync::Arc;

use common::identity::OrgRoot;
use serde::Serialize;
use time::OffsetDateTime;

use crate::config::{Config, Given};
use crate::failure::Failure;
use crate::home::Home;
use crate::ownership;
use crate::store::Store;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// In order.
    Ok,
    /// Something to look at.
    Warn,
    /// Something that does not work, or is not safe.
    Fail,
}

impl Verdict {
    /// The word that people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub says: String,
    /// What to do.
    pub cure: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            says: says.into(),
            cure: None,
        }
    }

    fn warn(check: &'static str, says: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            cure: Some(cure.into()),
            ..Self::ok(check, says)
        }
    }

    /// With the failure's own cure, or that one if it has none.
    fn failed(check: &'static str, failure: &Failure, cure: &str) -> Self {
        Self::fail(check, failure.happened(), failure.advice().unwrap_or(cure))
    }

    fn fail(check: &'static str, says: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, says, cure)
        }
    }
}

/// Everything that is found at `now`; with a file that holds the passphrase, the root key too.
pub async fn examine(
    home: &Home,
    given: &Given,
    passphrase: Option<&Path>,
    now: OffsetDateTime,
) -> Vec<Finding> {
    if let Err(failure) = ownership::demand(home.dir(), None) {
        return vec![Finding::failed(
            files::PERMISSIONS,
            &failure,
            "run it as its owner",
        )];
    }
    if !home.dir().exists() {
        let found = home.root().err();
        return found.iter().map(no_authority).collect();
    }
    let mut found = files::permissions(home);
    found.push(files::disk(home));
    let config = match home.config(given) {
        Ok(config) => {
            found.push(Finding::ok("settings", "they are in order"));
            Some(config)
        }
        Err(failure) => {
            found.push(Finding::failed("settings", &failure, "correct it"));
            None
        }
    };
    let root = match home.root() {
        Ok(root) => root,
        Err(failure) => {
            found.push(no_authority(&failure));
            return found;
        }
    };
    found.push(authority::root_certificate(&root, now));
    found.push(authority::root_key(home, passphrase).await);
    let store = store(home, &root, &mut found, now).await;
    found.push(authority::clock(home, &root, store.as_deref(), now).await);
    if let Some(config) = config {
        found.extend(served(home, &root, &config, store.as_deref(), now).await);
    }
    if let Some(store) = store {
        let _ = store.close().await;
    }
    found
}

fn no_authority(failure: &Failure) -> Finding {
    Finding::failed("root", failure, "restore a backup")
}

async fn store(
    home: &Home,
    root: &OrgRoot,
    found: &mut Vec<Finding>,
    now: OffsetDateTime,
) -> Option<Arc<dyn Store>> {
    let (finding, store) = authority::store(home, root).await;
    found.push(finding);
    let (store, is_current) = store?;
    if is_current {
        found.push(authority::changes(store.as_ref()).await);
        found.push(authority::ledger(store.as_ref(), now).await);
        found.push(authority::audit(store.clone(), root).await);
    }
    Some(store)
}

async fn served(
    home: &Home,
    root: &OrgRoot,
    config: &Config,
    store: Option<&dyn Store>,
    now: OffsetDateTime,
) -> Vec<Finding> {
    let last = match store {
        Some(store) => store.census(now).await.ok().map(|census| census.crl_number),
        None => None,
    };
    let mut found = server::look(home, root, &config.listen, last, now).await;
    found.extend(events::look(home));
    found
}
