//! What a server does beside serving: it keeps lists, certificates, store and log in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::watch;

use crate::config::Config;
use crate::events::{self, Feed};
use crate::home::Home;
use crate::journal::Journal;
use crate::state::{App, Shared};
use crate::tls::{self, CurrentCertificate, Life};
use crate::{staging, throttle};

/// What interrupted backups left is of no use to anybody, and holds what a backup holds.
pub(super) fn remove_leftovers(home: &Home) {
    match staging::sweep(home) {
        Ok(removed) => removed.iter().for_each(|path| {
            tracing::warn!(path = %path.display(), "removed what an interrupted backup left");
        }),
        Err(failure) => tracing::error!(
            error = failure.happened(),
            "what an interrupted backup left could not be removed"
        ),
    }
}

/// A certificate for HTTPS, with the names that this machine has now.
pub(super) async fn new_certificate(
    app: &App,
    config: &Config,
) -> Result<(rustls::sign::CertifiedKey, Life), tls::TlsError> {
    let hosts = tls::host_names(&config.hosts);
    let now = OffsetDateTime::now_utc();
    tls::issue(&app.authority, &app.profile, hosts, app.store.as_ref(), now).await
}

/// How often the log is told what is new in the audit log.
const JOURNAL_EVERY: Duration = Duration::from_millis(500);

/// Until the server stops; then there is an end to be told.
pub(super) async fn keep_journal(
    app: Shared,
    tells: bool,
    mut stopped: watch::Receiver<bool>,
) -> Option<Journal> {
    let mut journal = match Journal::open(&app, tells, OffsetDateTime::now_utc()).await {
        Ok(journal) => journal,
        Err(error) => {
            tracing::error!(%error, "the audit log cannot be read");
            return None;
        }
    };
    loop {
        journal.turn(&app, OffsetDateTime::now_utc()).await;
        tokio::select! {
            () = tokio::time::sleep(JOURNAL_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return Some(journal),
        }
    }
}

/// Signs lists and tells events, as the store asks for them.
pub(super) async fn keep_news_coming(app: Shared, mut feed: Feed) {
    loop {
        events::pause().await;
        feed.turn(&app, Instant::now(), OffsetDateTime::now_utc())
            .await;
    }
}

/// How often the clock is compared with the time of renewal; a suspended machine wakes up late.
const RENEWAL_CHECK: Duration = Duration::from_secs(60);

pub(super) async fn keep_certificate_fresh(
    app: Shared,
    config: Config,
    certificate: Arc<CurrentCertificate>,
    mut life: Life,
) {
    loop {
        tokio::time::sleep(RENEWAL_CHECK).await;
        if !life.is_renewal_due(OffsetDateTime::now_utc()) {
            continue;
        }
        match new_certificate(&app, &config).await {
            Ok((next, its_life)) => {
                certificate.replace(next);
                life = its_life;
                tracing::info!("renewed the HTTPS certificate");
            }
            Err(error) => tracing::error!(%error, "the HTTPS certificate could not be renewed"),
        }
    }
}

pub(super) async fn keep_watching_the_store(app: Shared) {
    app.store_watch.keep_looking(app.store.as_ref()).await;
}

/// How often old failures are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

pub(super) async fn keep_attempts_short(app: Shared) {
    loop {
        if let Err(error) = throttle::prune(app.store.as_ref(), OffsetDateTime::now_utc()).await {
            tracing::error!(%error, "old failed logins could not be deleted");
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}
