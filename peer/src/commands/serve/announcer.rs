//! Tells the auth server that this device is online, as often as it asks for that.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Tell;
use super::seldom::Seldom;
use crate::auth_client::directory::Announcement;
use crate::events::Device;
use crate::failure::Exit;
use crate::renewal::News;
use crate::signals;

/// A server that is too busy to list this device is asked again after these.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Between two looks whether the other program that announces this device has ended.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Between two announcements, however often the server says hello.
const BETWEEN: Duration = Duration::from_secs(1);

/// A thread that announces; nothing holds up what is heard meanwhile.
#[derive(Debug)]
pub(super) struct Announcer {
    due: SyncSender<()>,
}

impl Announcer {
    /// Begins to wait for reasons to announce. Ends when it is dropped.
    pub(super) fn start(
        device: Device,
        announcement: Announcement,
        tell: Tell,
    ) -> io::Result<Self> {
        let (due, reasons) = sync_channel(1);
        thread::Builder::new()
            .name("announcer".into())
            .spawn(move || run(&reasons, &device, &announcement, tell))?;
        Ok(Self { due })
    }

    /// The server has forgotten who is online.
    pub(super) fn announce(&self) {
        // Where one announcement is due already, it serves for this reason too.
        let _ = self.due.try_send(());
    }
}

fn run(reasons: &Receiver<()>, device: &Device, announcement: &Announcement, tell: Tell) {
    let refusals = Seldom::default();
    let mut right = Right::default();
    let mut is_due = false;
    loop {
        match reasons.recv_timeout(BETWEEN_LOOKS) {
            Ok(()) => is_due = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if is_due && right.is_held(device, tell) {
            is_due = false;
            announce(device, announcement, tell, &refusals);
            thread::sleep(BETWEEN);
        }
    }
}

/// A device is listed once: of several programs in one folder the first is listed, and when that has
/// ended, another one.
#[derive(Debug, Default)]
struct Right {
    lock: Option<File>,
    is_told: bool,
}

impl Right {
    /// Whether this program has it, from now on or since before.
    fn is_held(&mut self, device: &Device, tell: Tell) -> bool {
        if self.lock.is_none() {
            // Where nothing can be locked, nobody else is in the way.
            self.lock = match device.store.lock_announcing() {
                Ok(lock) => lock,
                Err(_) => return true,
            };
        }
        if self.lock.is_none() && !self.is_told {
            self.is_told = true;
            tell(&News::Warning(
                "another program on this device is listed in peer peers; this one will be when that ends"
                    .into(),
            ));
        }
        self.lock.is_some()
    }
}

/// A server that is gone is announced to when it says hello again.
fn announce(device: &Device, announcement: &Announcement, tell: Tell, refusals: &Seldom) {
    for pause in PAUSES {
        let announced = device
            .client()
            .and_then(|client| client.announce(announcement));
        match announced {
            Ok(()) => return withdraw_before_end(device.clone()),
            Err(failure) if failure.exit == Exit::Temporary => thread::sleep(pause),
            Err(failure) if failure.exit != Exit::Unreachable => {
                if refusals.is_due(Instant::now()) {
                    let told = format!("others do not see this device in peer peers: {failure}");
                    tell(&News::Warning(told));
                }
                return;
            }
            Err(_) => return,
        }
    }
}

/// Others need not wait until the server misses this device.
fn withdraw_before_end(device: Device) {
    signals::before_end(Box::new(move || {
        // It is off the list soon, also without.
        let _ = device.client().and_then(|client| client.withdraw());
    }));
}
