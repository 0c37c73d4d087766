//! `run`: opens everything, serves until a signal, and keeps CRL and HTTPS certificate fresh.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use root_ca::Authority;
use root_ca::key_store::{self, KeyStoreError};
use rustix::fs::{FlockOperation, flock};
use sd_notify::NotifyState;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{dialogue, secrets};
use crate::config::Config;
use crate::denials::Denials;
use crate::failure::Failure;
use crate::home::{Home, certificate_pem};
use crate::journal::Journal;
use crate::log;
use crate::options::Run;
use crate::password::PasswordChecker;
use crate::publish::{self, CrlPublisher};
use crate::router::{local_router, router};
use crate::server::{self, Greeting};
use crate::signals::Signals;
use crate::staging;
use crate::state::{App, Shared};
use crate::store::Store;
use crate::store_watch::StoreWatch;
use crate::throttle;
use crate::tls::{self, CurrentCertificate, Life};
use crate::ui;

/// Everything that serving needs, opened and checked.
pub struct Start {
    /// How to serve.
    pub run: Run,
    /// The bound socket.
    pub listener: TcpListener,
    /// The settings.
    pub config: Config,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Root certificate and key.
    pub authority: Authority,
    /// The signals.
    pub signals: Signals,
    /// Whether a person follows on the terminal: then the log is accesses and warnings alone.
    pub in_dialogue: bool,
}

/// Serves until a signal.
///
/// # Errors
/// Why it could not start.
pub async fn run(
    home: &Home,
    run: Run,
    passphrase_file: Option<PathBuf>,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let root = home.root()?;
    let config = home.config(&run.given)?;
    let store = home.store(&root).await?;
    let listener = bind(&config.listen).await?;
    let authority = open_authority(home, passphrase_file.as_deref(), run.may_prompt).await?;
    let in_dialogue = run.add_users;
    let start = Start {
        run,
        listener,
        config,
        store,
        authority,
        signals,
        in_dialogue,
    };
    serve(home, start).await
}

/// Binds the first address that can be bound.
///
/// # Errors
/// Why the first one cannot.
pub async fn bind(addresses: &[String]) -> Result<TcpListener, Failure> {
    let mut first = None;
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => first = first.or(Some((address, error))),
        }
    }
    let Some((address, error)) = first else {
        return Err(Failure::usage("there is no address to listen on"));
    };
    let failure = Failure::other(format!("cannot listen on {address}: {error}"));
    Err(match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            failure.cure("stop the program that uses the port, or choose another with ORGSHARE_AUTH_LISTEN, the settings, or run --listen")
        }
        std::io::ErrorKind::PermissionDenied => failure.cure("choose a port above 1023"),
        _ => failure.cure("choose an address of this machine with --listen"),
    })
}

/// Opens the root key and puts it together with its certificate.
///
/// # Errors
/// When the passphrase is wrong, or the files do not belong together.
pub async fn open_authority(
    home: &Home,
    passphrase_file: Option<&Path>,
    may_prompt: bool,
) -> Result<Authority, Failure> {
    let from_file = secrets::passphrase_file(passphrase_file);
    for tries in 1.. {
        let passphrase = match &from_file {
            Some(path) => secrets::from_file(path)?,
            None => secrets::ask_passphrase(may_prompt).await?,
        };
        let path = home.root_key();
        let opened = tokio::task::spawn_blocking(move || key_store::open(&path, &passphrase))
            .await
            .map_err(|_| Failure::other("the root key could not be opened"))?;
        match opened {
            Ok(key) => {
                return Ok(Authority::open(
                    home.root()?.certificate().clone(),
                    Box::new(key),
                )?);
            }
            Err(error @ KeyStoreError::Passphrase { .. })
                if from_file.is_none() && tries < secrets::MAX_TRIES =>
            {
                ui::message(&format!("Not accepted: {error}."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::other("the root key could not be opened"))
}

/// Holds the dialogue if it is wanted, then serves until a signal.
///
/// # Errors
/// Why it could not start.
pub async fn serve(home: &Home, start: Start) -> Result<ExitCode, Failure> {
    let _lock = lock(home)?;
    let root = start.authority.root().clone();
    if start.run.add_users {
        dialogue::add_users(&start.store, &root).await?;
    }
    let local = match start.config.metrics {
        Some(address) => Some(bind_local(address).await?),
        None => None,
    };
    ui::start_log(start.config.log_format, start.in_dialogue);
    remove_leftovers(home);
    let store = start.store;
    let now = OffsetDateTime::now_utc();
    let other = |error: &dyn std::fmt::Display| Failure::other(error.to_string());
    let crl = CrlPublisher::start(&start.authority, store.as_ref(), now)
        .await
        .map_err(|error| other(&error))?;
    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    let app = Arc::new(App {
        root_pem: certificate_pem(root.certificate())?,
        authority: start.authority,
        profile: start.config.profile.clone(),
        renewal_grace: start.config.renewal_grace,
        store,
        passwords: PasswordChecker::new(parallel).map_err(|error| other(&error))?,
        crl,
        denials: Denials::default(),
        store_watch: StoreWatch::default(),
    });
    let (certificate, life) = new_certificate(&app, &start.config)
        .await
        .map_err(|error| other(&error))?;
    let certificate = Arc::new(CurrentCertificate::new(certificate));
    let tls = tls::server_config(certificate.clone(), &root, start.config.renewal_grace)
        .map_err(|error| other(&error))?;
    let (stop, stopped) = watch::channel(false);
    let store = app.store.clone();
    let upkeep = [
        tokio::spawn(keep_crl_fresh(app.clone())),
        tokio::spawn(keep_certificate_fresh(
            app.clone(),
            start.config,
            certificate,
            life,
        )),
        tokio::spawn(keep_attempts_short(app.clone())),
        tokio::spawn(keep_watching_the_store(app.clone())),
    ];
    let journal = tokio::spawn(keep_journal(
        app.clone(),
        !start.in_dialogue,
        stopped.clone(),
    ));
    if let Some(Ok(address)) = local.as_ref().map(TcpListener::local_addr) {
        tracing::info!("metrics on http://{address}/metrics");
    }
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let local = local.map(|listener| {
        let router = local_router(app.clone());
        tokio::spawn(server::serve(
            listener,
            Greeting::Plain,
            router,
            stopped.clone(),
        ))
    });
    // Whoever reads that it listens may send a signal at once.
    start.signals.begin_serving(start.in_dialogue);
    announce(&start.listener, start.in_dialogue);
    let served = tokio::spawn(server::serve(
        start.listener,
        Greeting::Tls(acceptor),
        router(app.clone()),
        stopped,
    ));
    tell_service_manager(&[NotifyState::Ready]);
    let code = start.signals.wait().await;
    tell_service_manager(&[NotifyState::Stopping]);
    stop.send_replace(true);
    let _ = served.await;
    if let Some(local) = local {
        let _ = local.await;
    }
    upkeep.iter().for_each(tokio::task::JoinHandle::abort);
    // Behind the last request, so that all it did is vouched for.
    if let Ok(Some(journal)) = journal.await {
        journal.close(&app).await;
    }
    store.close().await?;
    if start.in_dialogue {
        log::flush();
        ui::goodbye();
    }
    Ok(ExitCode::from(code))
}

async fn bind_local(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = |error| {
        Failure::other(format!("cannot serve metrics on {address}: {error}"))
            .cure("choose another address with --metrics")
    };
    TcpListener::bind(address).await.map_err(failed)
}

/// What interrupted backups left is of no use to anybody, and holds what a backup holds.
fn remove_leftovers(home: &Home) {
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

/// Without a service manager that listens this does nothing.
fn tell_service_manager(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Two servers on one folder would publish two lines of CRLs.
fn lock(home: &Home) -> Result<std::fs::File, Failure> {
    let path = home.root_certificate();
    let file = std::fs::File::open(&path).map_err(|error| Failure::io(&path, &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Failure::local_file(format!(
            "another auth-server runs on {}",
            home.dir().display()
        ))
        .cure("stop it first")
    })?;
    Ok(file)
}

fn announce(listener: &TcpListener, in_dialogue: bool) {
    if in_dialogue {
        ui::message("Auth server running.");
        return;
    }
    match listener.local_addr() {
        Ok(address) => tracing::info!("listening on https://{address}"),
        Err(error) => tracing::warn!(%error, "the address listened on is unknown"),
    }
}

async fn new_certificate(
    app: &App,
    config: &Config,
) -> Result<(rustls::sign::CertifiedKey, Life), tls::TlsError> {
    let hosts = tls::host_names(&config.hosts);
    let now = OffsetDateTime::now_utc();
    tls::issue(&app.authority, &app.profile, hosts, app.store.as_ref(), now).await
}

/// Until the server stops; then there is an end to be told.
async fn keep_journal(
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
            () = publish::pause() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return Some(journal),
        }
    }
}

async fn keep_crl_fresh(app: Shared) {
    loop {
        publish::pause().await;
        let now = OffsetDateTime::now_utc();
        let fresh = app.crl.refresh(&app.authority, app.store.as_ref(), now);
        if let Err(error) = fresh.await {
            tracing::error!(%error, "the CRL could not be renewed");
        }
    }
}

/// How often the clock is compared with the time of renewal; a suspended machine wakes up late.
const RENEWAL_CHECK: Duration = Duration::from_secs(60);

async fn keep_certificate_fresh(
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

async fn keep_watching_the_store(app: Shared) {
    app.store_watch.keep_looking(app.store.as_ref()).await;
}

/// How often old failures are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

async fn keep_attempts_short(app: Shared) {
    loop {
        if let Err(error) = throttle::prune(app.store.as_ref(), OffsetDateTime::now_utc()).await {
            tracing::error!(%error, "old failed logins could not be deleted");
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}
