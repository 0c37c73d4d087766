//! The newest revocation list, and the newest certificate on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use common::crl::RevocationList;
use common::identity::OrgRoot;

use super::Tell;
use super::seldom::Seldom;
use crate::auth_client::AuthClient;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::{self, IdentityStore};
use crate::listener::Listener;
use crate::renewal::News;
use crate::servers::Servers;

/// Looks for both, for a listener.
pub(super) struct Refresh {
    listener: Arc<Listener>,
    store: IdentityStore,
    root: OrgRoot,
    client: Option<AuthClient>,
    tell: Tell,
    refusals: Seldom,
    /// The newest list that a server told of.
    told: AtomicU64,
}

impl Refresh {
    pub(super) fn new(
        listener: Arc<Listener>,
        store: IdentityStore,
        root: OrgRoot,
        servers: Option<&Servers>,
        tell: Tell,
    ) -> Self {
        Self {
            client: servers.map(|servers| AuthClient::new(servers, &root)),
            listener,
            store,
            root,
            tell,
            refusals: Seldom::default(),
            told: AtomicU64::new(0),
        }
    }

    /// A server said that it has the list of that number.
    pub(super) fn tell_of(&self, number: u64) {
        self.told.fetch_max(number, Ordering::SeqCst);
    }

    /// Whether there is a newer list than the one in force here.
    pub(super) fn is_behind(&self) -> bool {
        self.held() < self.told.load(Ordering::SeqCst)
    }

    /// The number of the list that is in force here.
    pub(super) fn held(&self) -> u64 {
        self.listener.identity().trust.crl().number()
    }

    /// Looks once. That the server cannot be reached is no news: a stale list or an expired certificate
    /// is told at every handshake.
    pub(super) fn look(&self) {
        let identity = self.listener.identity();
        let held = identity.trust.crl();
        let look = |client: &AuthClient| client.newer_crl(&self.root, Some(held), clock::now());
        match self.client.as_ref().map(look) {
            Some(Ok(Some(list))) => self.enforce(list),
            Some(Err(failure)) => self.refused(&failure, held),
            Some(Ok(None)) | None => {}
        }
        if let Ok(credentials) = self.store.valid_credentials(&self.root, clock::now())
            && credentials.certificate() != identity.credentials.certificate()
        {
            self.listener.set_credentials(credentials);
        }
    }

    /// Goes back to a server that is back.
    pub(super) fn look_back(&self) {
        if let Some(client) = &self.client {
            let identity = self.listener.identity();
            client.look_back(&self.root, identity.trust.crl(), clock::now());
        }
    }

    /// A list that cannot be kept counts all the same.
    fn enforce(&self, list: RevocationList) {
        if let Ok(trust) = identity_store::trust(&self.root, list) {
            self.listener.set_trust(trust);
            // Another thread may have found a newer one meanwhile.
            let identity = self.listener.identity();
            let _ = self.store.save_crl(identity.trust.crl(), &self.root);
        }
    }

    /// A server that answers, and not with a list that can be believed.
    fn refused(&self, failure: &Failure, held: &RevocationList) {
        let is_away = matches!(failure.exit, Exit::Unreachable | Exit::Temporary);
        if is_away || !self.refusals.is_due(Instant::now()) {
            return;
        }
        let mut told = format!(
            "the auth server's revocation list was refused; list {} stays in force until {}: {failure}",
            held.number(),
            clock::show(held.next_update()),
        );
        if failure.hint.is_none() {
            told += "; tell your administrator";
        }
        (self.tell)(&News::Warning(told));
    }
}
