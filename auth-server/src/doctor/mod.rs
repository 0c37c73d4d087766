//! Whether everything is in order. Each check returns what it found and changes nothing.

mod authority;
mod files;
mod server;

use std::path::Path;
use std::sync::Arc;

use common::identity::OrgRoot;
use serde::Serialize;
use time::OffsetDateTime;

use crate::config::{Config, Given};
use crate::home::Home;
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
    let mut found = files::permissions(home);
    found.push(files::disk(home));
    let config = match home.config(given) {
        Ok(config) => {
            found.push(Finding::ok("settings", "they are in order"));
            Some(config)
        }
        Err(failure) => {
            let cure = "see all mistakes with: auth-server config check";
            found.push(Finding::fail("settings", failure.to_string(), cure));
            None
        }
    };
    let root = match home.root() {
        Ok(root) => root,
        Err(failure) => {
            let cure = "make an authority with auth-server init, or restore a backup";
            found.push(Finding::fail("root", failure.to_string(), cure));
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

async fn store(
    home: &Home,
    root: &OrgRoot,
    found: &mut Vec<Finding>,
    now: OffsetDateTime,
) -> Option<Arc<dyn Store>> {
    let (finding, store) = authority::store(home, root).await;
    found.push(finding);
    let store = store?;
    found.push(authority::ledger(store.as_ref(), now).await);
    found.push(authority::audit(store.as_ref()).await);
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
    server::look(home, root, &config.listen, last, now).await
}
