//! What is counted and measured, for Prometheus. No name of a person is ever a label.
//!
//! One process is one server, so there is one registry: whoever counts does it in one line.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::audit::{Action, OK};
use crate::password::PasswordChecker;
use crate::publish::PublishedCrl;
use crate::store::Census;

/// Bounds of times, in seconds: from an answer out of memory to the longest request.
const SECONDS: [f64; 12] = [
    0.0005, 0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The methods that any resource has; others count as one, whatever strangers send.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The media type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a login ends.
const LOGIN_OUTCOMES: [&str; 6] = [
    OK,
    "no such user",
    "wrong password",
    "disabled",
    "one-time password ended",
    "right password of a stranger, who is barred",
];
/// What is counted as a change when it was done.
const CHANGES: [Action; 12] = [
    Action::RevokeCertificate,
    Action::RevokeUser,
    Action::AddUser,
    Action::SetPassword,
    Action::SetDetails,
    Action::SetRole,
    Action::EnableUser,
    Action::DisableUser,
    Action::UnlockUser,
    Action::RemoveUser,
    Action::Backup,
    Action::Restore,
];
/// Events that all who listen may hear.
const EVENT_KINDS: [&str; 4] = ["crl", "person", "online", "offline"];
/// Why a line of the log is missing.
const LOG_LINES_MISSING: [&str; 2] = ["too many", "nobody reads"];

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let metrics = Metrics::new().expect("the names are valid and each is registered once");
    metrics.begin_at_zero();
    metrics
});

/// The process's metrics.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

/// All that is counted and measured.
pub struct Metrics {
    registry: Registry,
    logins: IntCounterVec,
    issued: IntCounter,
    renewed: IntCounter,
    changes: IntCounterVec,
    requests: HistogramVec,
    refused: IntCounterVec,
    /// Connections that are open now.
    pub connections: IntGauge,
    /// Connections dropped because there was no place for them.
    pub connections_refused: IntCounter,
    /// Connections that kept the server waiting and were ended for others.
    pub connections_replaced: IntCounter,
    /// Streams of events that are open.
    pub event_streams: IntGauge,
    /// Streams that were ended because nobody read them.
    pub event_streams_dropped: IntCounter,
    events: IntCounterVec,
    /// Devices that announced themselves.
    pub presence_entries: IntGauge,
    log_lines_missing: IntCounterVec,
    password_wait: Histogram,
    password_waiting: IntGauge,
    password_working: IntGauge,
    store: HistogramVec,
    /// 1 while the store takes no changes.
    pub store_failing: IntGauge,
    /// 1 while a revocation list cannot be signed, and an older one is served.
    pub crl_failing: IntGauge,
    crl_number: IntGauge,
    crl_times: GaugeVec,
    revocations: IntGauge,
    certificates: IntGaugeVec,
    users: IntGaugeVec,
}

/// Makes metrics and puts them into the registry.
struct Maker(Registry);

impl Maker {
    fn put<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: prometheus::Result<M>,
    ) -> prometheus::Result<M> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.put(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.put(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn times(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        self.put(HistogramVec::new(options, labels))
    }
}

impl Metrics {
    fn new() -> prometheus::Result<Self> {
        let make = Maker(Registry::new());
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        make.put(Gauge::new(
            "process_start_time_seconds",
            "Start of the process, in seconds since 1970.",
        ))?
        .set(started.unwrap_or_default().as_secs_f64());
        make.gauges(
            "orgshare_build_info",
            "Always 1; the version is a label.",
            &["version"],
        )?
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1);
        let wait = HistogramOpts::new(
            "orgshare_password_wait_seconds",
            "Time that a login waited for a place to hash its password.",
        );
        Ok(Self {
            logins: make.counters(
                "orgshare_logins_total",
                "Logins with a password that was checked, by outcome.",
                &["outcome"],
            )?,
            issued: make.put(IntCounter::new(
                "orgshare_certificates_issued_total",
                "Certificates issued after a login, and for the server itself.",
            ))?,
            renewed: make.put(IntCounter::new(
                "orgshare_certificates_renewed_total",
                "Certificates issued in place of another one.",
            ))?,
            changes: make.counters(
                "orgshare_changes_total",
                "Other entries that this process wrote into the audit log.",
                &["action", "outcome"],
            )?,
            requests: make.times(
                "orgshare_http_request_seconds",
                "Time from a request's header to its answer.",
                &["route", "method", "status"],
            )?,
            refused: make.counters(
                "orgshare_http_refused_total",
                "Requests answered with a problem, by reason.",
                &["route", "reason"],
            )?,
            connections: make.put(IntGauge::new("orgshare_connections", "Open connections."))?,
            connections_refused: make.put(IntCounter::new(
                "orgshare_connections_refused_total",
                "Connections dropped because all places were taken.",
            ))?,
            connections_replaced: make.put(IntCounter::new(
                "orgshare_connections_replaced_total",
                "Connections that kept the server waiting and were ended to make room for others.",
            ))?,
            event_streams: make.put(IntGauge::new(
                "orgshare_event_streams",
                "Streams of events that are open.",
            ))?,
            event_streams_dropped: make.put(IntCounter::new(
                "orgshare_event_streams_dropped_total",
                "Streams of events that were ended because nobody read them.",
            ))?,
            events: make.counters(
                "orgshare_events_total",
                "Events that were told to all who listened.",
                &["kind"],
            )?,
            presence_entries: make.put(IntGauge::new(
                "orgshare_presence_entries",
                "Devices that are online, unlisted ones too.",
            ))?,
            log_lines_missing: make.counters(
                "orgshare_log_lines_missing_total",
                "Lines that are not in the log, because requests caused too many or nobody read it.",
                &["reason"],
            )?,
            password_wait: make.put(Histogram::with_opts(wait.buckets(SECONDS.to_vec())))?,
            password_waiting: make.put(IntGauge::new(
                "orgshare_password_waiting",
                "Logins that wait for a place to hash their password.",
            ))?,
            password_working: make.put(IntGauge::new(
                "orgshare_password_working",
                "Passwords that are being hashed.",
            ))?,
            store: make.times(
                "orgshare_store_seconds",
                "Time that the store took: to give the write lock, to count everything.",
                &["operation"],
            )?,
            store_failing: make.put(IntGauge::new(
                "orgshare_store_failing",
                "1 while the store takes no changes, and nobody can log in; else 0.",
            ))?,
            crl_failing: make.put(IntGauge::new(
                "orgshare_crl_failing",
                "1 while a revocation list cannot be signed, and an older one is served; else 0.",
            ))?,
            crl_number: make.put(IntGauge::new(
                "orgshare_crl_number",
                "Number of the revocation list that is served.",
            ))?,
            crl_times: make.put(GaugeVec::new(
                Opts::new(
                    "orgshare_crl_timestamp_seconds",
                    "When the revocation list was signed, and until when it holds.",
                ),
                &["event"],
            ))?,
            revocations: make.put(IntGauge::new(
                "orgshare_revocations",
                "Revocations in the store, whoever made them.",
            ))?,
            certificates: make.gauges(
                "orgshare_certificates",
                "Certificates in the ledger, by state.",
                &["state"],
            )?,
            users: make.gauges("orgshare_users", "People, by state.", &["state"])?,
            registry: make.0,
        })
    }

    /// Counters that rise once are seen to rise when they have been 0 before.
    fn begin_at_zero(&self) {
        for outcome in LOGIN_OUTCOMES {
            self.logins.with_label_values(&[outcome]);
        }
        for action in CHANGES {
            self.changes.with_label_values(&[action.as_str(), OK]);
        }
        for kind in EVENT_KINDS {
            self.events.with_label_values(&[kind]);
        }
        for reason in LOG_LINES_MISSING {
            self.log_lines_missing.with_label_values(&[reason]);
        }
    }

    /// Counts an entry of the audit log. Outcomes are words of the program, not of strangers.
    pub fn count(&self, action: Action, outcome: &str) {
        match action {
            Action::Login => self.logins.with_label_values(&[outcome]).inc(),
            Action::Issue if outcome == OK => self.issued.inc(),
            Action::Renew if outcome == OK => self.renewed.inc(),
            other => self
                .changes
                .with_label_values(&[other.as_str(), outcome])
                .inc(),
        }
    }

    /// How many such entries were counted.
    #[cfg(test)]
    pub(crate) fn counted(&self, action: Action, outcome: &str) -> u64 {
        let labels = [action.as_str(), outcome];
        self.changes.with_label_values(&labels).get()
    }

    /// A request was answered: its route's template, if it has one.
    pub fn request(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let method = METHODS.iter().find(|known| **known == method);
        self.requests
            .with_label_values(&[
                route.unwrap_or("other"),
                method.unwrap_or(&"other"),
                &status.to_string(),
            ])
            .observe(took.as_secs_f64());
    }

    /// It was answered with a problem.
    pub fn refused(&self, route: Option<&str>, reason: &str) {
        self.refused
            .with_label_values(&[route.unwrap_or("other"), reason])
            .inc();
    }

    /// An event is told; its kind is a word of the program.
    pub fn event(&self, kind: &str) {
        self.events.with_label_values(&[kind]).inc();
    }

    /// A line is not written to the log.
    pub fn log_line_missing(&self, reason: &str) {
        self.log_lines_missing.with_label_values(&[reason]).inc();
    }

    /// A login got its place after that time.
    pub fn waited_for_place(&self, time: Duration) {
        self.password_wait.observe(time.as_secs_f64());
    }

    /// The store took that time.
    pub fn store(&self, operation: &str, time: Duration) {
        self.store
            .with_label_values(&[operation])
            .observe(time.as_secs_f64());
    }

    /// Everything in the text format, version 0.0.4, with what is looked up now.
    ///
    /// # Errors
    /// When it has no such form, which does not happen.
    pub fn render(
        &self,
        census: &Census,
        crl: &PublishedCrl,
        passwords: &PasswordChecker,
    ) -> prometheus::Result<String> {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.crl_number.set(gauge(crl.number()));
        for (event, at) in [
            ("signed", crl.signed_at()),
            ("next_update", crl.next_update()),
        ] {
            let since_1970 = at - time::OffsetDateTime::UNIX_EPOCH;
            self.crl_times
                .with_label_values(&[event])
                .set(since_1970.as_seconds_f64());
        }
        self.revocations.set(gauge(census.revocations));
        for (state, count) in [
            ("valid", census.valid),
            ("expired", census.expired),
            ("revoked", census.revoked),
            ("unsigned", census.unsigned),
        ] {
            self.certificates
                .with_label_values(&[state])
                .set(gauge(count));
        }
        for (state, count) in census.users {
            self.users
                .with_label_values(&[state.as_str()])
                .set(gauge(count));
        }
        let (working, waiting) = passwords.queue().load();
        self.password_working
            .set(i64::try_from(working).unwrap_or(i64::MAX));
        self.password_waiting
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
