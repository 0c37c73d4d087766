//! `run`: opens everything, and serves until a signal.

mod reserve;
mod upkeep;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use root_ca::Authority;
use rustix::fs::{FlockOperation, flock};
use sd_notify::NotifyState;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use super::unseal::open_authority;
pub use reserve::{Reserved, reserve};

use super::dialogue;
use crate::config::{self, Config};
use crate::denials::Denials;
use crate::events::{Feed, Hub};
use crate::failure::Failure;
use crate::harden;
use crate::home::{Home, certificate_pem};
use crate::log;
use crate::options::Run;
use crate::password::PasswordChecker;
use crate::publish::CrlPublisher;
use crate::router::{local_router, router};
use crate::server::{self, Greeting, Room};
use crate::signals::Signals;
use crate::state::App;
use crate::store::Store;
use crate::store_watch::StoreWatch;
use crate::throttle::Checks;
use crate::tls::{self, CurrentCertificate};
use crate::ui;

/// Everything that serving needs, opened and checked.
pub struct Start {
    /// How to serve.
    pub run: Run,
    /// Where it will listen.
    pub address: Reserved,
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
    // What is over the file is known before it is read, and what is wrong with it is told in that form.
    let asked = config::log_format(&run.given).filter(|_| !run.add_users);
    if let Some(format) = asked {
        ui::start_log(format, false);
    }
    let root = home.root()?;
    let config = home.config(&run.given)?;
    if !run.add_users && asked.is_none() {
        ui::start_log(config.log_format, false);
    }
    let store = home.store(&root).await?;
    let address = reserve(&config.listen).await?;
    let authority = open_authority(home, passphrase_file.as_deref(), run.may_prompt).await?;
    let in_dialogue = run.add_users;
    let start = Start {
        run,
        address,
        config,
        store,
        authority,
        signals,
        in_dialogue,
    };
    serve(home, start).await
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
    if start.in_dialogue {
        ui::start_log(start.config.log_format, true);
    }
    upkeep::remove_leftovers(home);
    let store = start.store;
    let now = OffsetDateTime::now_utc();
    let other = |error: &dyn std::fmt::Display| Failure::other(error.to_string());
    let crl = CrlPublisher::start(&start.authority, store.as_ref(), now)
        .await
        .map_err(|error| other(&error))?;
    let room = Room::with_files(harden::open_files());
    tracing::info!(
        "room for {} connections and {} streams of events",
        room.connections,
        room.streams
    );
    // Numbers of events go on above those of any earlier server.
    let first_event = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(1);
    let events = Hub::new(first_event, crl.current().number(), room.streams);
    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    let app = Arc::new(App {
        root_pem: certificate_pem(root.certificate())?,
        authority: start.authority,
        profile: start.config.profile.clone(),
        renewal_grace: start.config.renewal_grace,
        store,
        passwords: PasswordChecker::new(parallel).map_err(|error| other(&error))?,
        checks: Checks::default(),
        crl,
        events: Arc::new(events),
        denials: Denials::default(),
        store_watch: StoreWatch::default(),
    });
    let (certificate, life) = upkeep::new_certificate(&app, &start.config)
        .await
        .map_err(|error| other(&error))?;
    let certificate = Arc::new(CurrentCertificate::new(certificate));
    let tls = tls::server_config(certificate.clone(), &root, start.config.renewal_grace)
        .map_err(|error| other(&error))?;
    let (stop, stopped) = watch::channel(false);
    let store = app.store.clone();
    let feed = Feed::open(&app).await?;
    let tasks = [
        tokio::spawn(upkeep::keep_news_coming(app.clone(), feed)),
        tokio::spawn(upkeep::keep_certificate_fresh(
            app.clone(),
            start.config,
            certificate,
            life,
        )),
        tokio::spawn(upkeep::keep_attempts_short(app.clone())),
        tokio::spawn(upkeep::keep_watching_the_store(app.clone())),
    ];
    let journal = tokio::spawn(upkeep::keep_journal(
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
            server::METRICS_CONNECTIONS,
            stopped.clone(),
        ))
    });
    let listener = start.address.listen()?;
    // Whoever reads that it listens may send a signal at once.
    start.signals.begin_serving(start.in_dialogue);
    announce(&listener, start.in_dialogue);
    let served = tokio::spawn(server::serve(
        listener,
        Greeting::Tls(acceptor),
        router(app.clone()),
        room.connections,
        stopped,
    ));
    tell_service_manager(&[NotifyState::Ready]);
    let code = start.signals.wait().await;
    tracing::info!("stopping: a signal came");
    tell_service_manager(&[NotifyState::Stopping]);
    stop.send_replace(true);
    app.events.close();
    let _ = served.await;
    if let Some(local) = local {
        let _ = local.await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
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
