//! Bounded room for hashing: so many at once, so many waiting, and no more; and of those that one
//! source waits with a part only, so that the rest is for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{PasswordError, hash};
use crate::metrics::metrics;
use crate::store::PasswordHash;
use crate::throttle::Source;

/// Logins that may wait for a place: about ten seconds of work on two cores.
const MAX_WAITING: usize = 128;
/// Places that one source has, waiting or not: about a second of work on two cores. A right password
/// is not slowed down by throttling, and must not keep others from logging in.
const MAX_PER_SOURCE: usize = 16;

/// The room. Clones share it.
#[derive(Debug, Clone)]
pub struct PasswordQueue {
    parallel: usize,
    working: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    sources: Arc<Sources>,
}

/// How many places each source has.
#[derive(Debug, Default)]
struct Sources(Mutex<HashMap<Source, usize>>);

impl Sources {
    fn lock(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, source: Source) -> Option<Share> {
        let mut taken = self.lock();
        let own = taken.entry(source).or_default();
        if *own >= MAX_PER_SOURCE {
            return None;
        }
        *own += 1;
        Some(Share {
            sources: self.clone(),
            source,
        })
    }
}

/// One place of a source.
#[derive(Debug)]
struct Share {
    sources: Arc<Sources>,
    source: Source,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.sources.lock();
        if let Some(own) = taken.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

/// The right to hash one password, held while it lasts.
#[derive(Debug)]
pub struct Place {
    _working: OwnedSemaphorePermit,
    _queue: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl PasswordQueue {
    /// Room for `parallel` hashes at once.
    pub fn new(parallel: usize) -> Self {
        let parallel = parallel.max(1);
        Self {
            parallel,
            working: Arc::new(Semaphore::new(parallel)),
            queue: Arc::new(Semaphore::new(parallel + MAX_WAITING)),
            sources: Arc::default(),
        }
    }

    /// Waits for a place; for an administrator without a share of any source.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when the queue is full, or the source's share of it.
    pub async fn place(&self, source: Option<Source>) -> Result<Place, PasswordError> {
        let share = match source {
            Some(source) => Some(self.sources.enter(source).ok_or(PasswordError::Busy)?),
            None => None,
        };
        let queue = self.queue.clone().try_acquire_owned();
        let queue = queue.map_err(|_| PasswordError::Busy)?;
        let began = Instant::now();
        let working = self.working.clone().acquire_owned().await;
        metrics().waited_for_place(began.elapsed());
        Ok(Place {
            _working: working.map_err(|_| PasswordError::Busy)?,
            _queue: queue,
            _share: share,
        })
    }

    /// Waits for a place and hashes on the blocking pool.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when the queue is full, or [`PasswordError::Failed`].
    pub async fn hash(&self, password: SecretString) -> Result<PasswordHash, PasswordError> {
        let place = self.place(None).await?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            hash(&password)
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }

    /// How many places are taken, and how many wait for one.
    pub fn load(&self) -> (usize, usize) {
        let inside = (self.parallel + MAX_WAITING).saturating_sub(self.queue.available_permits());
        let working = self
            .parallel
            .saturating_sub(self.working.available_permits());
        (working, inside.saturating_sub(working))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::net::Ipv4Addr;
    use std::pin::Pin;

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Place, PasswordError>>>>;

    fn source(number: usize) -> Source {
        let number = u8::try_from(number).unwrap();
        Source::of(Ipv4Addr::new(192, 0, 2, number).into())
    }

    /// Stands in the queue.
    async fn wait(queue: &PasswordQueue, source: Option<Source>) -> Waiting {
        let queue = queue.clone();
        let mut place: Waiting = Box::pin(async move { queue.place(source).await });
        tokio::select! {
            biased;
            _ = &mut place => panic!("there is no place, or at once"),
            () = std::future::ready(()) => {}
        }
        place
    }

    #[tokio::test]
    async fn a_full_queue_refuses_instead_of_growing() {
        let queue = PasswordQueue::new(1);
        let first = queue.place(None).await.unwrap();
        let mut waiting = Vec::new();
        for number in 0..MAX_WAITING {
            waiting.push(wait(&queue, Some(source(number % 16))).await);
        }
        let another = queue.place(Some(source(99))).await;
        assert_eq!(another.unwrap_err(), PasswordError::Busy);
        let secret = SecretString::from("a new one");
        assert_eq!(queue.hash(secret).await, Err(PasswordError::Busy));
        drop(first);
        assert!(waiting.remove(0).await.is_ok());
    }

    #[tokio::test]
    async fn one_source_gets_its_share_of_the_queue_and_no_more() {
        let queue = PasswordQueue::new(1);
        let first = queue.place(Some(source(1))).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 1..MAX_PER_SOURCE {
            waiting.push(wait(&queue, Some(source(1))).await);
        }
        let one_more = queue.place(Some(source(1))).await;
        assert_eq!(one_more.unwrap_err(), PasswordError::Busy);
        let others = wait(&queue, Some(source(2))).await;
        // A client that gives up leaves its place to another one.
        drop(waiting.pop());
        waiting.push(wait(&queue, Some(source(1))).await);
        drop((first, waiting));
        assert!(others.await.is_ok());
        assert!(queue.sources.lock().is_empty());
    }
}
