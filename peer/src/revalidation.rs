//! The revocation list, looked for anew while a connection is already being made.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use common::crl::RevocationList;
use common::handshake::{Credentials, Distrust, Trust, VerifiedPeer};
use common::identity::OrgRoot;

use crate::auth_client::AuthClient;
use crate::clock;
use crate::failure::{Exit, Failure, own_revoked};
use crate::identity_store::{IdentityStore, trust};
use crate::offline::Course;
use crate::renewal;
use crate::servers::Servers;

/// A question to the auth server under way.
type Question = JoinHandle<Result<Option<RevocationList>, Failure>>;

/// Trust to dial with now, and what will be known before a file gets its final name.
pub struct Revalidation {
    store: IdentityStore,
    root: OrgRoot,
    trust: Arc<Trust>,
    question: Option<Question>,
    /// When the question that was answered was asked.
    answered: Option<Instant>,
    begun: Instant,
}

impl Revalidation {
    /// Asks the auth server for a newer list. Returns at once while the list held is fresh, else
    /// when the answer is there.
    ///
    /// # Errors
    /// When no fresh list is to be had: without one nobody is trusted.
    pub fn start(
        store: &IdentityStore,
        root: &OrgRoot,
        servers: Option<&Servers>,
    ) -> Result<Self, Failure> {
        let begun = Instant::now();
        let held = store.crl(root)?;
        let question = servers.map(|servers| ask(servers, root, held.clone()));
        let (list, question, answered) = match held.filter(|list| list.is_fresh(clock::now())) {
            Some(list) => (list, question, None),
            None => {
                let list = fresh(question)?;
                store.save_crl(&list, root)?;
                (list, None, Some(begun))
            }
        };
        Ok(Self {
            store: store.clone(),
            root: root.clone(),
            trust: trust(root, list)?,
            question,
            answered,
            begun,
        })
    }

    /// What to trust now.
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.clone()
    }

    /// What this device presents, renewed first if that is due. One that was revoked is presented to
    /// nobody.
    ///
    /// # Errors
    /// When nobody is logged in, or the certificate serves no more and cannot be renewed.
    pub fn own(&self, servers: Option<&Servers>) -> Result<Arc<Credentials>, Failure> {
        let crl = self.trust.crl();
        let own = renewal::ready(&self.store, &self.root, servers, crl, clock::now())?;
        let certificate = own.certificate();
        match crl.revoked(certificate) {
            Some(revoked) if crl.is_ended(certificate.serial()) => Err(own_revoked(&revoked)),
            _ => Ok(own),
        }
    }

    /// Waits for the answer, for a reason to doubt the list held; whether there was a newer one.
    pub fn learn(&mut self) -> bool {
        self.settle().unwrap_or(false)
    }

    /// When the server was asked, if it answered.
    pub fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// When the server was asked.
    pub fn asked(&self) -> Instant {
        self.begun
    }

    /// Waits for the answer and goes by it: whether it is a newer list.
    fn settle(&mut self) -> Result<bool, Failure> {
        let Some(question) = self.question.take() else {
            return Ok(false);
        };
        let newer = wait(question)?;
        self.answered = Some(self.begun);
        let Some(newer) = newer else {
            return Ok(false);
        };
        self.store.save_crl(&newer, &self.root)?;
        self.trust = trust(&self.root, newer)?;
        Ok(true)
    }

    /// Waits for the answer and looks at `peer` again under the newest list. A server that cannot
    /// be reached is no reason to refuse while the list held is fresh.
    ///
    /// # Errors
    /// When the peer is not to be trusted any more, or the server's list was refused.
    pub fn clear(&mut self, peer: &VerifiedPeer) -> Result<(), Failure> {
        match self.settle() {
            Err(failure) if !is_away(&failure) => Err(failure),
            // A server that cannot be reached, or an answer.
            _ => check(&self.trust, peer),
        }
    }
}

fn is_away(failure: &Failure) -> bool {
    !matches!(failure.exit, Exit::NotTrusted | Exit::LocalFile)
}

/// Looks at `peer` again.
///
/// # Errors
/// When it is not to be trusted any more.
fn check(trust: &Trust, peer: &VerifiedPeer) -> Result<(), Failure> {
    let alias = peer.certificate().name().alias();
    trust.check_again(peer, clock::now()).map_err(|reason| {
        let told = match &reason {
            Distrust::Revoked(Some(revoked)) => revoked.to_string(),
            other => format!("{alias}: {other}"),
        };
        Failure::new(Exit::NotTrusted, told).hint("nothing was kept; ask your administrator")
    })
}

fn ask(servers: &Servers, root: &OrgRoot, held: Option<RevocationList>) -> Question {
    let client = AuthClient::new(servers, root);
    let root = root.clone();
    thread::spawn(move || client.newer_crl(&root, held.as_ref(), clock::now()))
}

fn wait(question: Question) -> Result<Option<RevocationList>, Failure> {
    question.join().unwrap_or_else(|_| {
        Err(Failure::new(
            Exit::Other,
            "the request for the revocation list failed",
        ))
    })
}

/// No list is held, or a stale one: the answer is needed.
fn fresh(question: Option<Question>) -> Result<RevocationList, Failure> {
    let stale = || {
        Failure::new(
            Exit::Unreachable,
            "this device's revocation list is out of date and nobody can be trusted without one",
        )
        .hint(Course::Connect.hint().unwrap_or_default())
    };
    match question.map(wait) {
        Some(Ok(Some(list))) => Ok(list),
        Some(Err(failure)) if failure.exit != Exit::Unreachable => Err(failure),
        Some(Err(failure)) => {
            let mut stale = stale();
            stale.message = format!("{}: {}", stale.message, failure.message);
            Err(stale)
        }
        Some(Ok(None)) | None => Err(stale()),
    }
}
