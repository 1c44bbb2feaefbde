//! What waits for one thread, in an order that is fair to users: fair queueing (Demers, Keshav and Shenker, 1989) with a slow
//! clock.
//!
//! Each user's jobs are placed one behind the other on a line, as long as they are, from where the clock is; what ends first
//! is done first. So short jobs go before long ones, and who asks for much waits behind who asks for little, however many ask
//! for much. The clock goes on with what is done, so nobody waits for ever.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// What each job costs besides its own length.
const FIXED: usize = 1_000;

/// So many units of the clock are one of cost: the clock goes on by fractions.
const SCALE: u64 = 4_096;

/// The clock is so many times slower than if the thread worked for all users at the same speed. With a fast one those who have
/// waited for long would go before who has just come and asks for less. Long jobs wait so many times longer for it at most.
const SLOWNESS: u64 = 8;

/// Users that are remembered at least before those with no more to do are forgotten.
const MIN_USERS: usize = 64;

/// Where a job ends on the line, and which one it is.
type Place = (u64, u64);

/// See the module. `U` names a user, `J` is a job.
pub(super) struct FairQueue<U, J> {
    jobs: BTreeMap<Place, Job<U, J>>,
    users: HashMap<U, User>,
    /// Users of whom a job waits.
    active: u64,
    /// In scaled cost.
    clock: u64,
    number: u64,
    /// What may be held, and what is: what waits, and what was taken and not released.
    most: usize,
    cost: usize,
    /// With so many users those that have no more to do are forgotten.
    forget_at: usize,
}

struct Job<U, J> {
    user: U,
    cost: usize,
    job: J,
}

#[derive(Default)]
struct User {
    /// Where the last of their jobs ends.
    end: u64,
    waiting: usize,
}

impl<U: Clone + Eq + Hash, J> FairQueue<U, J> {
    /// An empty queue, for jobs of so many bytes in all.
    pub(super) fn new(most: usize) -> Self {
        Self {
            jobs: BTreeMap::new(),
            users: HashMap::new(),
            active: 0,
            clock: 0,
            number: 0,
            most,
            cost: 0,
            forget_at: MIN_USERS,
        }
    }

    /// Queues a job of so many bytes. Gives the jobs that have no room any more: those that end last.
    ///
    /// # Errors
    /// The job, where there is no room for it but that of jobs which come before it.
    pub(super) fn push(&mut self, user: &U, bytes: usize, job: J) -> Result<Vec<J>, J> {
        let cost = bytes + FIXED;
        let begin = self.users.get(user).map_or(0, |user| user.end).max(self.clock);
        let end = begin + cost as u64 * SCALE;
        let Some(displaced) = self.displaced(end, cost) else {
            return Err(job);
        };
        let displaced = (0..displaced).filter_map(|_| self.pop_last()).collect();
        self.number += 1;
        self.cost += cost;
        let known = self.users.entry(user.clone()).or_default();
        known.end = end;
        known.waiting += 1;
        self.active += u64::from(known.waiting == 1);
        let user = user.clone();
        self.jobs.insert((end, self.number), Job { user, cost, job });
        Ok(displaced)
    }

    /// Takes the next job, which keeps its room until it is released.
    pub(super) fn pop(&mut self) -> Option<J> {
        let (_, job) = self.jobs.pop_first()?;
        self.clock += job.cost as u64 * SCALE / SLOWNESS / self.active.max(1);
        let job = self.taken(job);
        if self.jobs.is_empty() {
            // Nobody is before or behind anybody.
            (self.clock, self.forget_at) = (0, MIN_USERS);
            self.users.clear();
        } else if self.users.len() > self.forget_at {
            let clock = self.clock;
            self.users.retain(|_, user| user.waiting > 0 || user.end > clock);
            self.forget_at = MIN_USERS.max(2 * self.users.len());
        }
        Some(job)
    }

    /// There is room again for a job of so many bytes that was taken.
    pub(super) fn release(&mut self, bytes: usize) {
        self.cost -= bytes + FIXED;
    }

    /// How many jobs make way for one of such a cost that ends at `end`. `None`: those behind it are not enough.
    fn displaced(&self, end: u64, cost: usize) -> Option<usize> {
        let mut excess = (self.cost + cost).saturating_sub(self.most);
        let behind = self.jobs.iter().rev().take_while(|(place, _)| place.0 > end);
        let mut count = 0;
        for (_, job) in behind {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(job.cost);
            count += 1;
        }
        (excess == 0).then_some(count)
    }

    /// Takes the last job, which is the last of its user too, as if it had never come.
    fn pop_last(&mut self) -> Option<J> {
        let (_, job) = self.jobs.pop_last()?;
        if let Some(user) = self.users.get_mut(&job.user) {
            user.end -= job.cost as u64 * SCALE;
        }
        self.cost -= job.cost;
        Some(self.taken(job))
    }

    fn taken(&mut self, job: Job<U, J>) -> J {
        if let Some(user) = self.users.get_mut(&job.user) {
            user.waiting -= 1;
            self.active -= u64::from(user.waiting == 0);
        }
        job.job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64 << 20;

    /// The name of a user and which of their jobs it is.
    type Named = (String, usize);

    fn pushed(queue: &mut FairQueue<String, Named>, user: &str, number: usize, bytes: usize) -> Vec<Named> {
        queue
            .push(&user.to_owned(), bytes, (user.to_owned(), number))
            .unwrap_or_else(|refused| panic!("{refused:?} is refused"))
    }

    /// How many jobs are done before that of a user.
    fn before(queue: &mut FairQueue<String, Named>, user: &str) -> usize {
        std::iter::from_fn(|| queue.pop())
            .position(|(of, _)| of == user)
            .expect("their job")
    }

    #[test]
    fn the_jobs_of_one_user_keep_their_order() {
        let mut queue = FairQueue::new(MOST);
        for (number, bytes) in [200_000, 10, 50_000, 10].into_iter().enumerate() {
            pushed(&mut queue, "ana", number, bytes);
        }
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|(_, number)| number).collect();
        assert_eq!(order, [0, 1, 2, 3]);
        assert!(queue.jobs.is_empty());
    }

    #[test]
    fn who_asks_for_little_is_served_before_many_who_ask_for_much() {
        for done in [0, 1, 5, 50] {
            let mut queue = FairQueue::new(MOST);
            for guest in 0..100 {
                pushed(&mut queue, &format!("guest {guest}"), 0, 200_000);
            }
            (0..done).for_each(|_| drop(queue.pop()));
            pushed(&mut queue, "ana", 0, 100_000);
            assert_eq!(before(&mut queue, "ana"), 0, "after {done}");
        }
    }

    #[test]
    fn who_asks_for_much_again_waits_behind_who_has_not_asked_yet() {
        let mut queue = FairQueue::new(MOST);
        for number in 0..3 {
            (0..100).for_each(|guest| drop(pushed(&mut queue, &format!("guest {guest}"), number, 100_000)));
        }
        (0..150).for_each(|_| drop(queue.pop()));
        // As much as each of them has asked for at a time.
        pushed(&mut queue, "ana", 0, 100_000);
        assert_eq!(before(&mut queue, "ana"), 0);
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 150);
    }

    #[test]
    fn who_asks_for_much_does_not_wait_for_ever() {
        let mut queue = FairQueue::new(MOST);
        pushed(&mut queue, "ana", 0, 200_000);
        let mut done = 0;
        // Others come as fast as they are served, each one new.
        loop {
            pushed(&mut queue, &format!("guest {done}"), 0, 5_000);
            if queue.pop().is_some_and(|(user, _)| user == "ana") {
                break;
            }
            done += 1;
        }
        assert!((300..=700).contains(&done), "{done}");
    }

    #[test]
    fn where_too_much_waits_the_last_ones_make_way() {
        let mut queue = FairQueue::new(1_000_000);
        for number in 0..4 {
            assert_eq!(pushed(&mut queue, "eve", number, 200_000), []);
        }
        let refused = queue.push(&"eve".to_owned(), 200_000, ("eve".to_owned(), 4));
        assert_eq!(refused, Err(("eve".to_owned(), 4)), "nothing of others is behind it");
        let displaced = pushed(&mut queue, "ana", 0, 250_000);
        assert_eq!(displaced, [("eve".to_owned(), 3)]);
        // It is as if that had never come.
        assert_eq!(pushed(&mut queue, "eve", 5, 100_000), []);
        let order: Vec<Named> = std::iter::from_fn(|| queue.pop()).collect();
        let names: Vec<(&str, usize)> = order.iter().map(|(user, number)| (user.as_str(), *number)).collect();
        assert_eq!(names, [("eve", 0), ("ana", 0), ("eve", 1), ("eve", 2), ("eve", 5)]);
    }

    #[test]
    fn a_job_that_was_taken_has_its_room_until_it_is_released() {
        let mut queue = FairQueue::new(500_000);
        (0..2).for_each(|number| drop(pushed(&mut queue, "ana", number, 200_000)));
        (0..2).for_each(|_| drop(queue.pop().expect("a job")));
        let another = ("ana".to_owned(), 2);
        assert_eq!(queue.push(&another.0, 200_000, another.clone()), Err(another));
        queue.release(200_000);
        assert_eq!(pushed(&mut queue, "ana", 3, 200_000), []);
    }

    #[test]
    fn no_more_is_kept_than_what_waits() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut queue = FairQueue::new(3_000_000);
        let mut waits = 0_usize;
        for _ in 0..50_000 {
            if rng.u8(..) < 130 {
                let user = format!("guest {}", rng.usize(0..2_000));
                let bytes = rng.usize(0..200_000);
                match queue.push(&user, bytes, (user.clone(), bytes)) {
                    Ok(displaced) => waits = waits + 1 - displaced.len(),
                    Err(_) => assert!(waits > 10, "{waits}"),
                }
            } else if let Some((_, bytes)) = queue.pop() {
                queue.release(bytes);
                waits -= 1;
            }
            assert_eq!(queue.jobs.len(), waits);
            assert!(queue.cost <= queue.most && queue.active as usize <= waits);
            assert!(
                queue.users.len() <= 4 * waits + 2 * MIN_USERS + 400,
                "{}",
                queue.users.len()
            );
        }
        while let Some((_, bytes)) = queue.pop() {
            queue.release(bytes);
        }
        assert_eq!((queue.cost, queue.active, queue.users.len()), (0, 0, 0));
    }
}
