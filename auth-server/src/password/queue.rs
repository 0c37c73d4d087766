//! Bounded room for hashing: so many at once, so many waiting, and no more. Members who show a
//! certificate and strangers take turns, and among each of them the lanes do, so that no crowd from a few
//! places keeps anybody else out.

mod lanes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use secrecy::SecretString;
use tokio::sync::oneshot;

pub use lanes::Lane;
use lanes::Lanes;

use super::{PasswordError, hash};
use crate::metrics::metrics;
use crate::store::PasswordHash;

/// Logins that may wait for a place, of members and of strangers each: about ten seconds of work on two
/// cores.
const MAX_WAITING: usize = 128;
/// Those that may wait in one lane: about a second of work on two cores.
const MAX_PER_LANE: usize = 16;

/// The room. Clones share it.
#[derive(Debug, Clone)]
pub struct PasswordQueue {
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    parallel: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    working: usize,
    known: Lanes<Waiter>,
    strangers: Lanes<Waiter>,
    /// Whose turn it is next, if both wait.
    strangers_next: bool,
}

/// Takes the place when its turn has come; nothing takes it any more when who waited has gone away.
type Waiter = oneshot::Sender<Place>;

impl State {
    fn lanes_of(&mut self, lane: &Lane) -> &mut Lanes<Waiter> {
        match lane.is_known() {
            true => &mut self.known,
            false => &mut self.strangers,
        }
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<Waiter> {
        let strangers_first = self.strangers_next;
        self.strangers_next = !strangers_first;
        let (first, second) = match strangers_first {
            true => (&mut self.strangers, &mut self.known),
            false => (&mut self.known, &mut self.strangers),
        };
        first.pop().or_else(|| second.pop())
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a place that is free on to whoever is next.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.next();
                if next.is_none() {
                    state.working -= 1;
                }
                next
            };
            let Some(waiter) = next else {
                return;
            };
            match waiter.send(Place::new(self)) {
                Ok(()) => return,
                // Whoever waited has gone away: the place is still free.
                Err(place) => place.forget(),
            }
        }
    }
}

/// The right to hash one password, held while it lasts.
#[derive(Debug)]
pub struct Place {
    room: Option<Arc<Room>>,
}

impl Place {
    fn new(room: &Arc<Room>) -> Self {
        Self {
            room: Some(room.clone()),
        }
    }

    /// Does not hand the place on.
    fn forget(mut self) {
        self.room = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            room.pass_on();
        }
    }
}

impl PasswordQueue {
    /// Room for `parallel` hashes at once.
    pub fn new(parallel: usize) -> Self {
        Self {
            room: Arc::new(Room {
                parallel: parallel.max(1),
                state: Mutex::default(),
            }),
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when there is no room to wait, or somebody else needs it more.
    pub async fn place(&self, lane: Lane) -> Result<Place, PasswordError> {
        let began = Instant::now();
        let place = match self.enter(lane)? {
            Entered::At(place) => place,
            // The other end is dropped by whoever displaces it.
            Entered::Behind(turn) => turn.await.map_err(|_| PasswordError::Busy)?,
        };
        metrics().waited_for_place(began.elapsed());
        Ok(place)
    }

    fn enter(&self, lane: Lane) -> Result<Entered, PasswordError> {
        let mut state = self.room.lock();
        if state.working < self.room.parallel {
            state.working += 1;
            return Ok(Entered::At(Place::new(&self.room)));
        }
        let (waiter, turn) = oneshot::channel();
        let lanes = state.lanes_of(&lane);
        lanes.retain(|waiter| !waiter.is_closed());
        match lanes.push(lane, waiter) {
            Ok(_displaced) => Ok(Entered::Behind(turn)),
            Err(_) => Err(PasswordError::Busy),
        }
    }

    /// Waits for a place and hashes on the blocking pool.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when the queue is full, or [`PasswordError::Failed`].
    pub async fn hash(&self, password: SecretString) -> Result<PasswordHash, PasswordError> {
        let place = self.place(Lane::Administration).await?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            hash(&password)
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }

    /// How many places are taken, and how many wait for one.
    pub fn load(&self) -> (usize, usize) {
        let room = self.room.lock();
        (room.working, room.known.len() + room.strangers.len())
    }
}

/// Where who came in stands.
enum Entered {
    /// At a place.
    At(Place),
    /// Behind others; the place comes when it is free.
    Behind(oneshot::Receiver<Place>),
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::net::Ipv4Addr;
    use std::pin::Pin;

    use super::*;
    use crate::throttle::Source;

    type Waiting = Pin<Box<dyn Future<Output = Result<Place, PasswordError>>>>;

    fn source(number: u8) -> Lane {
        Lane::Strangers(Source::of(Ipv4Addr::new(192, 0, 2, number).into()))
    }

    fn member(alias: &str) -> Lane {
        Lane::Member(alias.parse().unwrap())
    }

    /// Stands in the queue.
    async fn wait(queue: &PasswordQueue, lane: Lane) -> Waiting {
        let queue = queue.clone();
        let mut place: Waiting = Box::pin(async move { queue.place(lane).await });
        tokio::select! {
            biased;
            _ = &mut place => panic!("there is no place, or at once"),
            () = std::future::ready(()) => {}
        }
        place
    }

    /// Whether the turn has come.
    async fn is_there(waiting: &mut Waiting) -> bool {
        tokio::select! {
            biased;
            place = waiting => place.is_ok(),
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn crowds_from_many_sources_keep_no_member_and_no_lone_stranger_out() {
        let queue = PasswordQueue::new(1);
        let mut first = Some(queue.place(source(0)).await.unwrap());
        let mut crowd = Vec::new();
        for number in 0..MAX_WAITING {
            let number = u8::try_from(number % 9).unwrap();
            crowd.push(wait(&queue, source(number)).await);
        }
        assert_eq!(queue.load(), (1, MAX_WAITING));
        let mut alice = wait(&queue, member("alice")).await;
        let mut lone = wait(&queue, source(99)).await;
        first.take();
        assert!(is_there(&mut alice).await);
        // Each of the nine has one turn before.
        for number in 0..9 {
            assert!(!is_there(&mut lone).await, "{number}");
            let turn = crowd.remove(0);
            drop(turn.await.unwrap());
        }
        assert!(is_there(&mut lone).await);
    }

    #[tokio::test]
    async fn members_in_crowds_do_not_keep_strangers_out() {
        let queue = PasswordQueue::new(1);
        let first = queue.place(source(0)).await.unwrap();
        let mut members = Vec::new();
        for number in 0..MAX_WAITING {
            let alias = format!("member-{}", number % 20);
            members.push(wait(&queue, member(&alias)).await);
        }
        let mut stranger = wait(&queue, source(1)).await;
        drop(first);
        drop(members.remove(0).await.unwrap());
        assert!(is_there(&mut stranger).await);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_instead_of_growing() {
        let queue = PasswordQueue::new(1);
        let first = queue.place(source(0)).await.unwrap();
        let mut waiting = Vec::new();
        for number in 0..u8::try_from(MAX_WAITING).unwrap() {
            waiting.push(wait(&queue, source(number)).await);
        }
        let another = queue.place(source(200)).await;
        assert_eq!(another.unwrap_err(), PasswordError::Busy);
        drop(first);
        assert!(waiting.remove(0).await.is_ok());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_turn_to_the_next_one() {
        let queue = PasswordQueue::new(1);
        let first = queue.place(source(0)).await.unwrap();
        let gone = wait(&queue, source(1)).await;
        let next = wait(&queue, source(2)).await;
        drop(gone);
        drop(first);
        drop(next.await.unwrap());
        assert_eq!(queue.load(), (0, 0));
        assert!(queue.place(source(3)).await.is_ok());
    }
}
