//! The auth server, and commands beside it, killed at random moments: what was acknowledged stays,
//! and nothing is used twice.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use captures::counts::{Choices, count};
use captures::error::{Error, Result};
use captures::https::{Client, certificate_request};
use captures::organisation::{Organisation, PASSWORD};
use captures::process::{self, PATIENCE, Running};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::ext::pkix::CrlNumber;

/// Steps before the one in which the server is killed, at most.
const MAX_STEPS: u64 = 3;
/// There is another person who logs in for every so many kills: the server gives one person 120
/// certificates an hour, and between two kills there are not three logins.
const KILLS_A_PERSON: usize = 20;
/// The longest time from then to the kill.
const MAX_LIFE_MILLIS: u64 = 300;

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    people: HashSet<String>,
    issued: HashSet<String>,
    revoked: HashSet<String>,
    crl_number: u64,
    /// People tried to add.
    tried: u32,
    /// Logins tried.
    logins: usize,
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_used_twice() -> Result<()> {
    let mut organisation = Organisation::start("Example")?;
    let people: Vec<String> = (0..=count("authority-kills") / KILLS_A_PERSON)
        .map(|number| format!("person-{number}"))
        .collect();
    for alias in &people {
        organisation.add_user(alias)?;
    }
    let mut choices = Choices::of("authority kills");
    let mut known = Acknowledged::default();
    let run = Run {
        password: password_file(&organisation)?,
        people,
    };
    for step in [Step::Add, Step::LogIn, Step::Revoke] {
        run.take(step, &organisation, &mut choices, &mut known)?;
    }
    for _ in 0..count("authority-kills") {
        for _ in 0..choices.below(MAX_STEPS + 1) {
            run.take(
                Step::any(&mut choices),
                &organisation,
                &mut choices,
                &mut known,
            )?;
        }
        let victim = organisation.server().map(Running::id);
        let life = Duration::from_millis(choices.below(MAX_LIFE_MILLIS));
        let killer = thread::spawn(move || {
            thread::sleep(life);
            victim.map(kill)
        });
        while !killer.is_finished() {
            run.take(
                Step::any(&mut choices),
                &organisation,
                &mut choices,
                &mut known,
            )?;
        }
        killer.join().ok();
        organisation.restart()?;
        known.check(&organisation)?;
    }
    Ok(())
}

/// What an organisation does all day.
enum Step {
    Add,
    LogIn,
    Revoke,
}

impl Step {
    fn any(choices: &mut Choices) -> Self {
        match choices.below(3) {
            0 => Self::Add,
            1 => Self::LogIn,
            _ => Self::Revoke,
        }
    }
}

struct Run {
    password: PathBuf,
    /// Who logs in, in turn.
    people: Vec<String>,
}

impl Run {
    /// One step; it may be cut off by the kill, or be killed itself.
    fn take(
        &self,
        step: Step,
        organisation: &Organisation,
        choices: &mut Choices,
        known: &mut Acknowledged,
    ) -> Result<()> {
        match step {
            Step::Add => self.add(organisation, choices, known),
            Step::LogIn => self.log_in(organisation, known),
            Step::Revoke => revoke(organisation, choices, known),
        }
    }

    fn add(
        &self,
        organisation: &Organisation,
        choices: &mut Choices,
        known: &mut Acknowledged,
    ) -> Result<()> {
        known.tried += 1;
        let alias = format!("user-{}", known.tried);
        let mut command = organisation.command(&["user", "add", &alias]);
        command.arg("--password-file").arg(&self.password);
        if acknowledged(&mut command, choices)? {
            known.people.insert(alias);
        }
        Ok(())
    }

    fn log_in(&self, organisation: &Organisation, known: &mut Acknowledged) -> Result<()> {
        let alias = &self.people[known.logins % self.people.len()];
        known.logins += 1;
        // A server that was killed gives no answer, which is no promise either.
        if let Ok(answer) =
            Client::of(organisation)?.login(alias, PASSWORD, &certificate_request()?)
        {
            assert_ne!(answer.status, 429, "too few people for so many logins");
            if answer.status == 200 {
                let new = known.issued.insert(serial_of(&answer.body)?);
                assert!(new, "a serial number was given out twice");
            }
        }
        Ok(())
    }
}

fn revoke(
    organisation: &Organisation,
    choices: &mut Choices,
    known: &mut Acknowledged,
) -> Result<()> {
    let candidate = known.issued.difference(&known.revoked).next().cloned();
    if let Some(serial) = candidate {
        let mut command = organisation.command(&["cert", "revoke", &serial]);
        if acknowledged(&mut command, choices)? {
            known.revoked.insert(serial);
        }
    }
    Ok(())
}

fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended already.
        kill_process(pid, Signal::KILL).ok();
    }
}

fn password_file(organisation: &Organisation) -> Result<PathBuf> {
    let path = organisation.folder().with_extension("password");
    captures::organisation::write_secret(&path, PASSWORD)?;
    Ok(path)
}

/// Runs a command to its end, or kills it at a random moment; whether it said that it was done.
fn acknowledged(command: &mut Command, choices: &mut Choices) -> Result<bool> {
    let running = Running::start(command)?;
    if choices.below(3) == 0 {
        thread::sleep(Duration::from_millis(choices.below(300)));
        kill(running.id());
    }
    Ok(running.finish(PATIENCE)?.code == Some(0))
}

fn serial_of(pem: &str) -> Result<String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| Error::Unexpected(error.to_string()))?;
    let certificate =
        Certificate::from_der(&der).map_err(|error| Error::Unexpected(error.to_string()))?;
    Ok(hex(certificate
        .tbs_certificate()
        .serial_number()
        .as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Acknowledged {
    fn check(&mut self, organisation: &Organisation) -> Result<()> {
        let people: HashSet<String> = field(organisation, &["user", "list", "--json"], "alias")?
            .into_iter()
            .collect();
        let lost: Vec<_> = self.people.difference(&people).collect();
        assert!(lost.is_empty(), "people lost: {lost:?}");
        let every = &["cert", "list", "--all", "--limit", "100000", "--json"];
        let serials = field(organisation, every, "serial")?;
        let states = field(organisation, every, "state")?;
        let handed_out: HashSet<String> = serials
            .into_iter()
            .zip(states)
            .filter(|(_, state)| state != "unsigned")
            .map(|(serial, _)| serial)
            .collect();
        let lost: Vec<_> = self.issued.difference(&handed_out).collect();
        assert!(lost.is_empty(), "certificates lost: {lost:?}");
        self.check_crl(organisation)
    }

    fn check_crl(&mut self, organisation: &Organisation) -> Result<()> {
        let (number, revoked) = current_crl(organisation)?;
        assert!(
            number > self.crl_number,
            "CRL {number} after {}",
            self.crl_number
        );
        self.crl_number = number;
        let lost: Vec<_> = self.revoked.difference(&revoked).collect();
        assert!(lost.is_empty(), "revocations lost: {lost:?}");
        Ok(())
    }
}

/// One field of every line that a command prints.
fn field(organisation: &Organisation, command: &[&str], name: &str) -> Result<Vec<String>> {
    let finished = process::run(&mut organisation.command(command))?.success()?;
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    text.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line)
                .map_err(|error| Error::Unexpected(format!("{line}: {error}")))?;
            Ok(value[name].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

/// The list that stock curl fetches: its number and its serial numbers.
fn current_crl(organisation: &Organisation) -> Result<(u64, HashSet<String>)> {
    let mut command = process::tool("curl", "curl")?;
    command
        .args(["--silent", "--show-error", "--fail", "--cacert"])
        .arg(organisation.folder().join("root.crt"))
        .arg(format!("{}/root.crl", organisation.url()));
    let der = process::run(&mut command)?.success()?.stdout;
    let unexpected = |error: x509_cert::der::Error| Error::Unexpected(error.to_string());
    let list = <CertificateList>::from_der(&der)
        .map_err(unexpected)?
        .tbs_cert_list;
    let extension = list
        .crl_extensions
        .iter()
        .flatten()
        .find(|extension| extension.extn_id == CrlNumber::OID)
        .ok_or_else(|| Error::Unexpected("a CRL without a number".to_owned()))?;
    let number = CrlNumber::from_der(extension.extn_value.as_bytes()).map_err(unexpected)?;
    let number = number
        .0
        .as_bytes()
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    let revoked = list.revoked_certificates.unwrap_or_default();
    Ok((
        number,
        revoked
            .iter()
            .map(|entry| hex(entry.serial_number.as_bytes()))
            .collect(),
    ))
}
