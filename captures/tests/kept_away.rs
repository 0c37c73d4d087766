//! A newer revocation list is told of and cannot be fetched: nothing of a transfer under way gets a name
//! meanwhile, and whoever it names is cut off as soon as it can be.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};

use captures::error::Result;
use captures::false_server::{FalseServer, Reply};
use captures::foreign::Forger;
use captures::forged_list::{List, number_of, serial_of};
use captures::process::{Finished, PATIENCE, Running};
use captures::proxy::{Damage, Fault, Proxy};
use captures::stage::Stage;

const UNREACHABLE: i32 = 5;
const REVOKED: i32 = 7;

/// At the speed below: as long as alice needs to follow and to hear.
const SHORT: u64 = 12 << 20;

/// Longer than all tries at once to fetch a list that was told of, and the pause behind them.
const LONG: u64 = 60 << 20;

const SLOWLY: Damage = Damage::Slow {
    bytes_a_second: 3 << 20,
};

/// Alice, whose server is in other hands, and bob, who hears of nothing.
struct Scene {
    stage: Stage,
    server: FalseServer,
    forger: Forger,
    held: u64,
}

impl Scene {
    fn set() -> Result<Self> {
        let mut stage = Stage::set()?;
        stage.offer("a", b"contents")?;
        stage.get_identical("a")?;
        let held = number_of(&fs::read(stage.alice.folder().join("root.crl")).unwrap())?;
        stage.bob.deafen()?;
        stage.listener = stage.bob.serve("files", stage.shared())?;
        let forger = Forger::with_the_root_key(&stage.organisation)?;
        let server = FalseServer::instead_of(&mut stage.organisation)?;
        Ok(Self {
            stage,
            server,
            forger,
            held,
        })
    }

    /// The server says that it has that list.
    fn tells_of(&self, number: u64) {
        let told = format!("event: hello\ndata: {{\"crl\":{number}}}\n\n");
        self.server
            .answers("/events", [Reply::stream(told.as_bytes())]);
    }

    /// Alice gets a file that takes its time.
    fn get_slowly(&self, bytes: u64) -> Result<Finished> {
        let large = File::create(self.stage.shared().join("large")).unwrap();
        large.set_len(bytes).unwrap();
        let relay = Proxy::start(self.stage.listener.port(), Fault::to_requester(SLOWLY))?;
        let to = self.stage.inbox("large");
        let mut get = self
            .stage
            .alice
            .get_command(&relay.source("files/large"), &to);
        Running::start(&mut get)?.finish(2 * PATIENCE)
    }
}

fn away() -> Reply {
    Reply::of("503 Later", "text/plain", b"")
}

#[test]
fn a_file_gets_no_name_while_a_newer_list_is_known_of_and_kept_away() -> Result<()> {
    let scene = Scene::set()?;
    scene.server.answers("/root.crl", [away()]);
    scene.tells_of(scene.held + 1);
    let ended = scene.get_slowly(SHORT)?;
    ended.refused(UNREACHABLE, &["newer revocation list", "cannot be fetched"])?;
    scene.stage.check_absent("large")?;
    scene.stage.check_absent("large.orgshare.part")
}

#[test]
fn a_server_that_is_away_and_told_of_nothing_newer_holds_up_no_file() -> Result<()> {
    let scene = Scene::set()?;
    scene.server.answers("/root.crl", [away()]);
    scene.tells_of(scene.held);
    scene.get_slowly(SHORT)?.success()?;
    scene.stage.check_identical("large")
}

#[test]
fn a_revoked_provider_is_cut_off_when_the_list_can_be_fetched_after_many_tries() -> Result<()> {
    let scene = Scene::set()?;
    let number = scene.held + 1;
    let list = scene.forger.list(&List {
        revoked: vec![serial_of(&scene.stage.bob)?],
        ..List::numbered(number)
    })?;
    // The question at the beginning, and all tries at once.
    let mut replies = vec![away(); 7];
    replies.push(Reply::list(&list));
    scene.server.answers("/root.crl", replies);
    scene.tells_of(number);
    let ended = scene.get_slowly(LONG)?;
    ended.refused(REVOKED, &["bob", "revoked", "the transfer was cut"])?;
    scene.stage.check_absent("large")?;
    scene.stage.check_absent("large.orgshare.part")
}
