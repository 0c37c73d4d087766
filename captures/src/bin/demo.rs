//! `cargo demo [FILE]`: an organisation, two people, one file, three attacks refused.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use captures::device::{Device, Listener};
use captures::foreign::{Flaw, Forger, leaf_of};
use captures::organisation::Organisation;
use captures::process::Finished;
use captures::programs::Programs;
use captures::proxy::{Damage, Direction, Fault, Proxy};
use captures::rogue::{self, Verdict};
use captures::{scratch, ui};

type Outcome = Result<(), Box<dyn Error>>;

const GENERATED_BYTES: u64 = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(1800);

fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    match demo(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::failure("demo", &*error);
            ExitCode::FAILURE
        }
    }
}

fn demo(file: Option<PathBuf>) -> Outcome {
    let folder = scratch::folder()?;
    let offered = Offered::prepare(folder.path(), file)?;
    ui::heading("orgshare: an organisation, two people, one file");
    ui::step("building the two programs ...");
    Programs::get()?;
    let scene = Scene::set(&offered)?;
    scene.move_file(&offered, folder.path())?;
    ui::heading("Three attacks");
    scene.refuse_another_authority(folder.path())?;
    scene.refuse_an_expired_certificate()?;
    scene.refuse_a_flipped_byte(&offered, folder.path())?;
    scene.still_serves(&offered, folder.path())?;
    ui::heading("All of it happened. Everything the demo made is removed again.");
    Ok(())
}

/// The file that is moved, in the folder that bob shares.
struct Offered {
    name: String,
    path: PathBuf,
    bytes: u64,
    digest: String,
}

impl Offered {
    fn prepare(folder: &Path, file: Option<PathBuf>) -> Result<Self, Box<dyn Error>> {
        let shared = folder.join("shared");
        std::fs::create_dir(&shared)?;
        let path = match file {
            Some(file) => {
                let name = file.file_name().ok_or("FILE must be a file")?;
                let path = shared.join(name);
                std::fs::copy(&file, &path)
                    .map_err(|error| format!("reading {}: {error}", file.display()))?;
                path
            }
            None => {
                let path = shared.join("holiday.mkv");
                scratch::generate(&path, GENERATED_BYTES, u64::from(std::process::id()))?;
                path
            }
        };
        Ok(Self {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            bytes: std::fs::metadata(&path)?.len(),
            digest: scratch::sha256(&path)?,
            path,
        })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

/// The organisation, and its two people.
struct Scene {
    organisation: Organisation,
    alice: Device,
    bob: Device,
    listener: Listener,
}

impl Scene {
    fn set(offered: &Offered) -> Result<Self, Box<dyn Error>> {
        ui::heading("An organisation");
        let organisation = Organisation::start("Example")?;
        ui::step("Its auth server runs; it alone holds the root key.");
        ui::fact("address", &organisation.url());
        ui::fact("root", organisation.fingerprint());
        let alice = organisation.person("alice")?;
        let bob = organisation.person("bob")?;
        ui::step("Alice and bob trust that root and logged in; each has a certificate of a day.");
        let listener = bob.serve("files", offered.folder())?;
        ui::step(&format!(
            "Bob's peer listens on localhost:{}.",
            listener.port()
        ));
        Ok(Self {
            organisation,
            alice,
            bob,
            listener,
        })
    }

    fn move_file(&self, offered: &Offered, folder: &Path) -> Outcome {
        ui::heading(&format!(
            "One file, {}, from bob to alice",
            ui::size(offered.bytes)
        ));
        let received = folder.join("received");
        let begun = Instant::now();
        let source = self.listener.source(&format!("files/{}", offered.name));
        let got = self
            .alice
            .get_within(&source, &received, PATIENCE)?
            .success()?;
        let took = begun.elapsed();
        let digest = scratch::sha256(&received)?;
        ensure(digest == offered.digest, "the digests differ")?;
        ui::fact("sent", &format!("SHA-256 {}", offered.digest));
        ui::fact("received", &format!("SHA-256 {digest}"));
        ui::fact(
            "speed",
            &format!(
                "{}, from start to durable file",
                ui::rate(offered.bytes, took)
            ),
        );
        ensure(
            got.stderr.contains("bob"),
            "alice's peer did not say who answered",
        )?;
        ui::step("Alice's peer verified bob before it took a byte.");
        self.listener.running().wait_for_text("alice")?;
        ui::step("Bob's peer verified alice before it sent one.");
        Ok(())
    }

    fn refuse_another_authority(&self, folder: &Path) -> Outcome {
        let forger = Forger::with_the_same_names(&self.organisation)?;
        let forged = forger.forge(&leaf_of(&self.bob)?, &Flaw::None)?;
        let target = folder.join("from-impostor");
        let (verdict, got) = rogue::lure(&self.alice, forged, &target)?;
        ensure(
            verdict.is_refusal(),
            "alice's peer believed another authority",
        )?;
        check_refused(&got, 7, &target)?;
        ui::step("1. Someone poses as bob, certified by another CA with the same names:");
        ui::fact("alice", &complaint(&got));
        Ok(())
    }

    fn refuse_an_expired_certificate(&self) -> Outcome {
        let root = Forger::with_the_root_key(&self.organisation)?;
        let expired = root.forge(&leaf_of(&self.alice)?, &Flaw::Expired)?;
        let verdict = rogue::request(self.listener.port(), Some(expired))?;
        let wanted = Verdict::Refused(rustls::AlertDescription::CertificateExpired);
        ensure(
            verdict == wanted,
            &format!("bob's peer answered an expired member: {verdict:?}"),
        )?;
        let line = self.listener.running().wait_for_text("expired")?;
        ui::step("2. Someone asks bob with a certificate of the real root, expired yesterday:");
        ui::fact("bob", line.trim());
        Ok(())
    }

    fn refuse_a_flipped_byte(&self, offered: &Offered, folder: &Path) -> Outcome {
        let source = format!("files/{}", offered.name);
        let honest = Proxy::honest(self.listener.port())?;
        let target = folder.join("through-the-wire");
        self.alice
            .get_within(&honest.source(&source), &target, PATIENCE)?
            .success()?;
        std::fs::remove_file(&target)?;
        // The last tenth of what the listener sends is past the handshake for any size of file.
        let offset = honest.bytes(Direction::ToRequester) * 9 / 10;
        let fault = Fault::to_requester(Damage::Flip { offset, bit: 0 });
        let proxy = Proxy::start(self.listener.port(), fault)?;
        let got = self
            .alice
            .get_within(&proxy.source(&source), &target, PATIENCE)?;
        check_refused(&got, 8, &target)?;
        ui::step("3. Someone on the wire flips one bit of one byte:");
        ui::fact("alice", &complaint(&got));
        Ok(())
    }

    fn still_serves(&self, offered: &Offered, folder: &Path) -> Outcome {
        let target = folder.join("afterwards");
        let source = self.listener.source(&format!("files/{}", offered.name));
        self.alice
            .get_within(&source, &target, PATIENCE)?
            .success()?;
        ensure(
            scratch::sha256(&target)? == offered.digest,
            "the digests differ",
        )?;
        ui::step("Nothing was written by any of them, and bob's peer still serves alice.");
        Ok(())
    }
}

fn check_refused(got: &Finished, code: i32, target: &Path) -> Outcome {
    ensure(!target.exists(), &format!("{} appeared", target.display()))?;
    let message = format!(
        "expected exit code {code}, got {:?}: {}",
        got.code, got.stderr
    );
    ensure(got.code == Some(code), &message)
}

/// What went wrong, as the peer told it, without what to do next.
fn complaint(got: &Finished) -> String {
    let told = got
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("peer: "));
    told.unwrap_or_default().trim().to_owned()
}

fn ensure(condition: bool, otherwise: &str) -> Outcome {
    if condition {
        Ok(())
    } else {
        Err(otherwise.into())
    }
}
