//! The bounded queue of events from the media thread, with a descriptor to wait for.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use sfu::{RecordingId, RoomId};

use crate::recording::Trouble;

/// Events that wait at most. A thousand peers who join within ten seconds cause about ten thousand.
const MAX_WAITING: usize = 16_384;

/// What the driver tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What the shard tells the hub.
    Core(sfu::Event),
    /// So many events were dropped at this place in the queue.
    Lost(u64),
    /// The shard panicked outside of a peer's session, with this message; its peers are closed, and it takes new ones.
    Restarted(String),
    /// The worker has failed for good, and why; its peers are closed. The process should be replaced.
    Failed(String),
    /// A recording is not, or not wholly, written on this node. The call goes on.
    RecordingTrouble {
        /// The room.
        room: RoomId,
        /// The recording.
        recording: RecordingId,
        /// What it means for the recording.
        trouble: Trouble,
        /// What the system said, for the operator.
        detail: String,
    },
}

impl Event {
    /// The end of a peer, of a shard or of a recording is never dropped: without it the hub would keep dead transports for ever,
    /// or people believe that they are recorded. There are no more of them than there were peers.
    fn must_arrive(&self) -> bool {
        match self {
            Event::Core(event) => event.is_closed(),
            Event::Lost(_) | Event::Restarted(_) | Event::Failed(_) => true,
            Event::RecordingTrouble { trouble, .. } => *trouble != Trouble::DiskSlow,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    unmarked: u64,
    lost: u64,
}

/// The queue. Who pushes never waits; when it is full the newest events are dropped, counted and marked by
/// [`Event::Lost`].
#[derive(Debug)]
pub(crate) struct EventQueue {
    waiting: Mutex<Waiting>,
    readable: OwnedFd,
}

impl EventQueue {
    /// An empty queue.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        let readable = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(EventQueue {
            waiting: Mutex::default(),
            readable,
        })
    }

    /// Appends a batch and empties it.
    pub(crate) fn push(&self, batch: &mut Vec<Event>) {
        if batch.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        let was_empty = waiting.events.is_empty();
        for event in batch.drain(..) {
            if waiting.events.len() >= MAX_WAITING && !event.must_arrive() {
                waiting.unmarked += 1;
                waiting.lost += 1;
                continue;
            }
            waiting.mark_lost();
            waiting.events.push_back(event);
        }
        if was_empty && !waiting.events.is_empty() {
            // Fails only when the counter is full, and then it is readable already.
            let _ = rustix::io::write(&self.readable, &1_u64.to_ne_bytes());
        }
    }

    /// Takes at most `max` events, oldest first. The descriptor stays readable while more wait.
    pub(crate) fn drain(&self, max: usize) -> Vec<Event> {
        let mut waiting = self.lock();
        if max >= waiting.events.len() {
            waiting.mark_lost();
        }
        let taken = max.min(waiting.events.len());
        let events = waiting.events.drain(..taken).collect();
        if waiting.events.is_empty() {
            // Fails only when it is not readable, as wanted.
            let _ = rustix::io::read(&self.readable, &mut [0; 8]);
        }
        events
    }

    /// How many events were dropped in all.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn mark_lost(&mut self) {
        if self.unmarked > 0 {
            self.events.push_back(Event::Lost(std::mem::take(&mut self.unmarked)));
        }
    }
}

impl AsFd for EventQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use sfu::{Body, CloseReason, Recipient, TransportState};

    fn speakers(n: usize) -> Event {
        Event::Core(sfu::Event {
            to: Recipient::Room(n.to_string().into()),
            body: Body::ActiveSpeakers(Vec::new()),
        })
    }

    fn closed() -> Event {
        Event::Core(sfu::Event {
            to: Recipient::Room("".into()),
            body: Body::TransportState(TransportState::Closed(CloseReason::Command)),
        })
    }

    fn is_readable(queue: &EventQueue) -> bool {
        poll(&mut [PollFd::new(queue, PollFlags::IN)], Some(&Timespec::default())).unwrap() > 0
    }

    #[test]
    fn the_descriptor_is_readable_while_events_wait() {
        let queue = EventQueue::new().unwrap();
        assert!(!is_readable(&queue));
        queue.push(&mut vec![speakers(1), speakers(2)]);
        assert!(is_readable(&queue));
        assert_eq!(queue.drain(1), [speakers(1)]);
        assert!(is_readable(&queue));
        assert_eq!(queue.drain(10), [speakers(2)]);
        assert!(!is_readable(&queue));
        assert_eq!(queue.drain(10), []);
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_says_how_many() {
        let queue = EventQueue::new().unwrap();
        queue.push(&mut (0..MAX_WAITING + 3).map(speakers).collect());
        assert_eq!(queue.lost(), 3);
        assert_eq!(queue.drain(usize::MAX).last(), Some(&Event::Lost(3)));
        assert!(!is_readable(&queue));
    }

    #[test]
    fn the_end_of_a_peer_is_never_dropped() {
        let queue = EventQueue::new().unwrap();
        queue.push(&mut (0..MAX_WAITING + 3).map(speakers).collect());
        queue.push(&mut vec![closed()]);
        let events = queue.drain(usize::MAX);
        assert_eq!(events[MAX_WAITING..], [Event::Lost(3), closed()]);
    }
}
