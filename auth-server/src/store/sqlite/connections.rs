//! Connections to the file: one that writes, and a few that read.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::damaged;
use super::rows::{counted, execute, only};
use crate::audit::Action;
use crate::metrics::metrics;
use crate::store::StoreError;

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Readers that are kept for the next reading; more are opened when they are needed.
const MAX_IDLE_READERS: usize = 4;
/// Statements that a connection keeps prepared: all that there are.
const PREPARED_STATEMENTS: usize = 128;

/// What is done with a closed store.
fn closed() -> StoreError {
    StoreError::Unusable {
        detail: "it was closed".into(),
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // Without the flag that makes a file.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // Write-ahead mode, so that readers wait for nobody; flushed at every commit.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(damaged("it cannot be used in write-ahead mode"));
    }
    flush_commits(&connection, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Whether a commit is flushed to the disk, or waits for the next one that is.
fn flush_commits(connection: &Connection, each: bool) -> Result<(), StoreError> {
    let level = if each { "full" } else { "normal" };
    Ok(connection.pragma_update(None, "synchronous", level)?)
}

/// SQLite lets one connection write at a time: the writers of this process take turns at one, in the
/// order in which they came, and compete for the file with other processes alone. So no more than one
/// thread of this process waits for the disk at a time, where it is: to hand its other tasks over
/// would cost more than most flushes. The runtime has a thread more than processors for it.
#[derive(Debug)]
pub(super) struct Connections {
    path: PathBuf,
    /// Held by who writes or is the next to: all others wait here, but for those who go first.
    line: tokio::sync::Mutex<()>,
    /// Nothing once the store was closed.
    writer: tokio::sync::Mutex<Option<Connection>>,
    idle_readers: Mutex<Vec<Connection>>,
    /// Asked for nothing but whether others wrote.
    watcher: Mutex<Option<Connection>>,
}

impl Connections {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            path: path.to_owned(),
            line: tokio::sync::Mutex::default(),
            writer: tokio::sync::Mutex::new(Some(connect(path)?)),
            idle_readers: Mutex::default(),
            watcher: Mutex::default(),
        })
    }

    /// One transaction. It holds the write lock from its first moment, so that what it reads stays
    /// true; after an error nothing of it happened.
    pub(super) async fn write<T>(
        &self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.in_turn(|writer, wanted| transact(writer, wanted, work))
            .await
    }

    /// The same, before all of this process that wait: for what everybody's safety waits for.
    pub(super) async fn write_first<T>(
        &self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let wanted = Instant::now();
        let writer = self.writer.lock().await;
        transact(writer.as_ref().ok_or_else(closed)?, wanted, work)
    }

    /// The same, on the disk with the next transaction at the latest: for what nobody relies on before
    /// that one. The log of SQLite is flushed in its order.
    pub(super) async fn write_ahead<T>(
        &self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.in_turn(|writer, wanted| {
            flush_commits(writer, false)?;
            let done = transact(writer, wanted, work);
            flush_commits(writer, true)?;
            done
        })
        .await
    }

    /// Work with the connection that writes, and the moment since which it was wanted.
    async fn in_turn<T>(
        &self,
        work: impl FnOnce(&Connection, Instant) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let wanted = Instant::now();
        let _turn = self.line.lock().await;
        let writer = self.writer.lock().await;
        work(writer.as_ref().ok_or_else(closed)?, wanted)
    }

    /// A reading of one moment that takes as long as there are rows.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        aside(|| {
            self.look(|reader| {
                let moment = reader.unchecked_transaction()?;
                let found = work(&moment);
                moment.finish()?;
                found
            })
        })
    }

    /// A reading of a few rows by their keys, done before another thread would have woken up; each
    /// statement sees its own moment. The writer, where it is free, still has the pages at hand that the
    /// others must read anew after each write.
    pub(super) fn look<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Ok(writer) = self.writer.try_lock()
            && let Some(writer) = writer.as_ref()
        {
            return work(writer);
        }
        let reader = match self.idle().pop() {
            Some(reader) => reader,
            None => connect(&self.path)?,
        };
        let found = work(&reader);
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE_READERS {
            idle.push(reader);
        }
        found
    }

    /// Differs from what it was if anybody wrote since. SQLite tells it of all connections but the one
    /// that is asked, so that one never writes.
    pub(super) fn version(&self) -> Result<u64, StoreError> {
        let mut watcher = self.watcher();
        if watcher.is_none() {
            *watcher = Some(connect(&self.path)?);
        }
        let watcher = watcher.as_ref().ok_or_else(closed)?;
        only(watcher, "PRAGMA data_version", [], counted)
    }

    /// Work with a connection outside of any transaction.
    pub(super) async fn upkeep<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let mut connection = connect(&self.path)?;
        aside(|| work(&mut connection))
    }

    /// The last connection that closes leaves one file.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.idle().clear();
        self.watcher().take();
        match self.writer.lock().await.take() {
            Some(writer) => aside(|| writer.close().map_err(|(_, error)| error.into())),
            None => Ok(()),
        }
    }

    fn watcher(&self) -> MutexGuard<'_, Option<Connection>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle_readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

/// One transaction of a writer that was wanted since then.
fn transact<T>(
    writer: &Connection,
    wanted: Instant,
    work: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut write = Write::begin(writer)?;
    metrics().store("write_lock", wanted.elapsed());
    let done = work(&mut write)?;
    write.commit()?;
    Ok(done)
}

/// A transaction that changes something; undone unless it is committed.
pub(super) struct Write<'a> {
    connection: &'a Connection,
    /// What it adds to the audit log: counted when it is there, not before.
    pub(super) entries: Vec<(Action, String)>,
}

impl<'a> Write<'a> {
    /// Takes the write lock: nearly always nobody has it; else it is waited for aside.
    fn begin(connection: &'a Connection) -> Result<Self, StoreError> {
        let mut begin = connection.prepare_cached("BEGIN IMMEDIATE")?;
        connection.busy_timeout(Duration::ZERO)?;
        let mut begun = begin.execute([]);
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let code = begun
            .as_ref()
            .err()
            .and_then(rusqlite::Error::sqlite_error_code);
        if code == Some(ErrorCode::DatabaseBusy) {
            begun = aside(|| begin.execute([]));
        }
        begun?;
        Ok(Self {
            connection,
            entries: Vec::new(),
        })
    }

    fn commit(mut self) -> Result<(), StoreError> {
        execute(self.connection, "COMMIT", [])?;
        for (action, outcome) in std::mem::take(&mut self.entries) {
            metrics().count(action, &outcome);
        }
        Ok(())
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        // After a commit, and after errors by which SQLite ended it itself, nothing is left to undo.
        if !self.connection.is_autocommit() {
            let _ = execute(self.connection, "ROLLBACK", []);
        }
    }
}

impl Deref for Write<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// Does what may wait for a disk or another process, while other threads take over this one's tasks.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
