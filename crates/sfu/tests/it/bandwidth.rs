//! What clients are sent whose lines are narrow.

use std::time::{Duration, Instant};

use sfu::{Body, Event, Recipient};
use str0m::media::MediaKind::{self, Audio, Video};

use crate::support::{Link, World};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A viewer with slots behind a line, and others who send voice and video.
struct Meeting {
    world: World,
    viewer: usize,
    others: Vec<usize>,
}

impl Meeting {
    fn new(seed: u64, others: usize, video_bytes: usize, link: Link) -> Self {
        let mut world = World::new(seed);
        world.step = MS;
        let viewer = world.join_with_slots("viewer", others, others);
        world.clients[viewer].sends = false;
        world.clients[viewer].keeps_arrivals = true;
        let others: Vec<usize> = (0..others).map(|n| world.join(&format!("other{n}"))).collect();
        for other in &others {
            world.clients[*other].video_bytes = video_bytes;
        }
        let address = world.clients[viewer].address;
        world.links.insert(address, link);
        Self { world, viewer, others }
    }

    fn set_rate(&mut self, rate: f64) {
        let (now, address) = (self.world.now, self.world.clients[self.viewer].address);
        self.world.links.get_mut(&address).unwrap().set_rate(now, rate);
    }

    /// Videos that the client was told are paused, by when it was told.
    fn told(&self) -> Vec<usize> {
        let events = self.world.events.iter();
        let paused = events.filter_map(|event| match event {
            Event {
                to: Recipient::Peer(_),
                body: Body::VideosPaused(videos),
            } => Some(videos.len()),
            _ => None,
        });
        paused.collect()
    }

    /// The longest time without a packet of a kind from any of the others, since a time.
    fn gap(&self, kind: MediaKind, since: Instant) -> Duration {
        let gaps = self.others.iter().map(|other| {
            let of = self.arrivals(kind, *other, since);
            let ends = std::iter::once(since).chain(of.iter().copied()).chain([self.world.now]);
            let times: Vec<Instant> = ends.collect();
            times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
        });
        gaps.max().unwrap_or_default()
    }

    fn arrivals(&self, kind: MediaKind, from: usize, since: Instant) -> Vec<Instant> {
        let arrivals = self.world.clients[self.viewer].arrivals.iter();
        let of = arrivals.filter(|(at, of, by)| *of == kind && usize::from(*by) == from && *at >= since);
        of.map(|(at, ..)| *at).collect()
    }
}

#[test]
fn course() {
    let mut meeting = Meeting::new(1, 3, 900, Link::new(3e6, 60_000));
    meeting.world.run(4 * SECOND);
    for rate in [3e6, 3e5] {
        meeting.set_rate(rate);
        let begin = meeting.world.now;
        for _ in 0..60 {
            let at = meeting.world.now;
            meeting.world.run(50 * MS);
            let counts: Vec<(usize, usize)> = meeting.others.iter().map(|o| (meeting.arrivals(Audio, *o, at).len(), meeting.arrivals(Video, *o, at).len())).collect();
            let stats = meeting.world.shard.stats();
            println!("{:?} {:?} {} kbit {} paused, gap {:?}", at - begin, counts, stats.limited_kilobits, stats.videos_paused, meeting.gap(Audio, at));
        }
        println!("gap {:?}", meeting.gap(Audio, begin));
    }
    println!("{:?}", meeting.told());
}
