//! A large room: what a member costs depends on its slots, not on how many others there are.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use slotmap::SlotMap;
use str0m::format::{CodecConfig, PayloadParams};
use str0m::media::{MediaKind, Mid, Pt};

use super::switches::Encoder;
use super::{Delivery, Prepared, Published, Router};
use crate::command::{Source, WantedVideo};
use crate::config::Limits;
use crate::ids::PeerKey;
use crate::line::{Line, LineState, Lines};
use crate::rtp::EncodingName;

const SLOTS: usize = 25;
const FRAME: Duration = Duration::from_millis(33);

struct Crowd {
    now: Instant,
    router: Router,
    members: Vec<PeerKey>,
    encoders: Vec<Vec<Encoder>>,
    params: PayloadParams,
}

fn lines() -> Lines {
    let line = |number: usize| Line {
        mid: Mid::from(number.to_string().as_str()),
        kind: MediaKind::Video,
        state: LineState::Sending,
    };
    Lines {
        lines: (1..=SLOTS).map(line).collect(),
        is_connected: true,
    }
}

fn name(member: usize) -> String {
    format!("user {member}")
}

impl Crowd {
    /// A room where everybody sends three layers, and shows the next ones in a small tile each.
    fn new(people: usize) -> Self {
        let (now, mut keys) = (Instant::now(), SlotMap::with_key());
        let mut router = Router::new(&Limits::default());
        let members: Vec<PeerKey> = (0..people).map(|_| keys.insert(())).collect();
        let camera = Published {
            mid: "0".into(),
            kind: MediaKind::Video,
            source: Source::Camera,
        };
        for (member, key) in members.iter().enumerate() {
            router.join(now, *key, &"room".into(), name(member).as_str().into(), String::new());
            router.publish(now, *key, &[camera], |_| false);
            let names = ["q", "h", "f"].map(|rid| EncodingName::Rid(rid.into()));
            router.set_encodings(*key, "0".into(), names.to_vec());
            router.set_lines(now, *key, &lines());
        }
        let mut rng = fastrand::Rng::with_seed(1);
        let mut config = CodecConfig::empty();
        config.enable_vp8(true);
        let encoders = |_| (0..3).map(|layer| Encoder::new(&mut rng, layer, true)).collect();
        let mut crowd = Self {
            now,
            router,
            members,
            encoders: (0..people).map(encoders).collect(),
            params: config.params()[0],
        };
        (0..people).for_each(|member| crowd.view(member, 180));
        crowd
    }

    fn view(&mut self, member: usize, tile: u32) {
        let people = self.members.len();
        let want = |ahead: usize| WantedVideo {
            user: name((member + ahead) % people).as_str().into(),
            source: Source::Camera,
            max_height: Some(tile),
        };
        let view: Vec<_> = (1..=SLOTS).map(want).collect();
        self.router.fill_slots(self.now, self.members[member], &lines(), &view);
        while self.router.poll_wanted_layers(self.now).is_some() {}
    }

    /// One frame of everybody. Gives how many packets are sent on.
    fn frame(&mut self) -> usize {
        self.now += FRAME;
        let mut sent = 0;
        for (member, encoders) in self.members.iter().zip(&mut self.encoders) {
            for packet in encoders.iter_mut().flat_map(Encoder::encode) {
                let located = ("0".into(), self.params);
                self.router
                    .forward(self.now, *member, located, packet, |line, incoming| {
                        match line.stream.prepare(self.now, incoming, || Some(Pt::from(96))) {
                            Prepared::Write(_) => {
                                sent += 1;
                                Delivery::Written
                            }
                            Prepared::NeedsKeyframe => Delivery::NeedsKeyframe,
                            Prepared::NoCommonCodec | Prepared::Drop => Delivery::Dropped,
                        }
                    });
            }
        }
        while self.router.poll_keyframe_request().is_some() {}
        while self.router.poll_wanted_layers(self.now).is_some() {}
        sent
    }
}

/// The CPU time of this thread that a run takes.
fn cpu_time(run: impl FnOnce()) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let begin = now();
    run();
    now() - begin
}

/// The least of what each crowd takes a member, until they are alike: other processes in the same caches make some runs
/// of the large one dear, but what costs more by its size costs it in each.
fn least(small: &mut Crowd, large: &mut Crowd, members: [u32; 2], mut run: impl FnMut(&mut Crowd)) -> [Duration; 2] {
    let mut least = [Duration::MAX; 2];
    for _ in 0..40 {
        for (index, crowd) in [&mut *small, &mut *large].into_iter().enumerate() {
            least[index] = least[index].min(cpu_time(|| run(crowd)) / members[index]);
        }
        if least[1] < least[0] * 3 {
            break;
        }
    }
    least
}

#[test]
fn a_member_costs_its_slots_whoever_else_is_there() {
    let (mut small, mut large) = (Crowd::new(60), Crowd::new(300));
    for crowd in [&mut small, &mut large] {
        crowd.frame();
        // The smallest layer has one packet a frame.
        assert_eq!(crowd.frame(), SLOTS * crowd.members.len());
    }
    let [few, many] = least(&mut small, &mut large, [60, 300], |crowd| {
        crowd.frame();
    });
    assert!(many < few * 3, "a frame costs a member {few:?} of 60, {many:?} of 300");
    let [few, many] = least(&mut small, &mut large, [1, 1], |crowd| {
        crowd.view(7, 360);
        crowd.view(7, 180);
    });
    assert!(many < few * 3, "a view costs {few:?} among 60, {many:?} among 300");
}
