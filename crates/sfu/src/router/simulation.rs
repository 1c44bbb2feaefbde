//! Clients behind lines of all kinds whose rate falls and rises: estimation, pacing and allocation together, without sessions.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Cost, Demand};
use crate::congestion::Control;
use crate::rtp::TransportFeedback;

const MS: Duration = Duration::from_millis(1);

/// Voices at most, and their bytes each 20 ms.
const VOICES: usize = 3;
const VOICE: usize = 100;

/// Bytes of a packet of video.
const PACKET: usize = 1_100;

/// A packet of padding.
const PADDING: usize = 290;

/// Whose a packet is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Of {
    Voice(usize),
    Video(usize),
    Nobody,
}

/// What happens on a line.
struct Course {
    random: fastrand::Rng,
    start: Instant,
    now: Instant,
    control: Control,
    allocation: Allocation<usize>,
    demands: Vec<Demand<usize>>,
    /// Frames of a video that is sent again begin with a keyframe.
    is_keyframe: [bool; 3],
    /// The layer of each that was sent last.
    layer: [usize; 3],
    waiting: VecDeque<(Of, usize)>,
    /// Bits per second, bytes that wait at most, the delay, and the share lost.
    rate: f64,
    queue: f64,
    delay: Duration,
    loss: f64,
    free: Instant,
    flights: BTreeMap<(Instant, u64), (Option<u16>, Of)>,
    sent: u64,
    /// What the client reports next: number and arrival.
    arrived: Vec<(u16, i64)>,
    reported: u16,
    report_every: Duration,
    voices: usize,
    /// Voices have transport-wide numbers, too. Of some clients only videos have.
    are_voices_numbered: bool,
    /// Arrivals of each voice and video.
    heard: [Vec<Instant>; VOICES],
    seen: [Vec<Instant>; 3],
    /// How many layers were sent of all videos, at each change.
    changes: Vec<(Instant, usize)>,
}

impl Course {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let now = Instant::now();
        let mut between = |low: f64, high: f64| low + random.f64() * (high - low);
        let videos = [0, 1, 2].map(|_| between(120e3, 420e3));
        let (queue, delay) = (between(15e3, 90e3), between(5.0, 80.0));
        let report_every = Duration::from_millis(between(50.0, 110.0) as u64);
        let loss = if random.bool() { 0.0 } else { 0.03 * random.f64() };
        let demands = videos.iter().enumerate().map(|(key, bits)| Demand {
            key,
            layers: vec![Cost {
                bits: *bits,
                is_anew: true,
            }],
        });
        Self {
            start: now,
            now,
            control: Control::new(now),
            allocation: Allocation::default(),
            demands: demands.collect(),
            is_keyframe: [true; 3],
            layer: [0; 3],
            waiting: VecDeque::new(),
            rate: 3e6,
            queue,
            delay: Duration::from_micros((delay * 1e3) as u64),
            loss,
            free: now,
            flights: BTreeMap::new(),
            sent: 0,
            arrived: Vec::new(),
            reported: 0,
            report_every,
            voices: VOICES,
            are_voices_numbered: true,
            heard: Default::default(),
            seen: Default::default(),
            changes: Vec::new(),
            random,
        }
    }

    fn set_rate(&mut self, rate: f64) {
        let waiting = self.free.saturating_duration_since(self.now).as_secs_f64();
        self.free = self.now + Duration::from_secs_f64(waiting * self.rate / rate);
        self.rate = rate;
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now += MS;
            self.step();
        }
    }

    fn step(&mut self) {
        let ms = (self.now - self.start).as_millis() as u64;
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (sequence, of) = entry.remove();
            self.arrive(sequence, of);
        }
        if ms.is_multiple_of(self.report_every.as_millis() as u64) {
            self.report();
        }
        if ms.is_multiple_of(20) {
            (0..self.voices).for_each(|voice| self.leave(Of::Voice(voice), VOICE));
        }
        for video in 0..3 {
            if (ms + 11 * video as u64).is_multiple_of(33) {
                self.frame(video);
            }
        }
        if ms.is_multiple_of(200) {
            self.allot();
        }
        self.drain();
    }

    fn is_sent(&self, video: usize) -> bool {
        self.allocation.granted(video) != Some(0)
    }

    /// How many layers are sent of all videos together.
    fn layers_sent(&self) -> usize {
        let demands = self.demands.iter();
        let sent = demands.map(|demand| self.allocation.granted(demand.key).unwrap_or(demand.layers.len()));
        sent.sum()
    }

    fn frame(&mut self, video: usize) {
        if !self.is_sent(video) {
            self.is_keyframe[video] = true;
            return;
        }
        let layers = &self.demands[video].layers;
        let layer = self.allocation.granted(video).unwrap_or(layers.len());
        let bits = layers[layer - 1].bits;
        // Another picture begins with a keyframe, too; more or fewer frames do not.
        let before = std::mem::replace(&mut self.layer[video], layer);
        let between = &layers[before.min(layer)..before.max(layer)];
        self.is_keyframe[video] |= between.iter().any(|cost| cost.is_anew);
        let size = bits / 8.0 * 0.033 * (0.6 + 0.8 * self.random.f64());
        let is_keyframe = std::mem::take(&mut self.is_keyframe[video]);
        let mut left = if is_keyframe { 5.0 * size } else { size } as usize;
        while left > 0 {
            let bytes = left.min(PACKET);
            self.waiting.push_back((Of::Video(video), bytes));
            left -= bytes;
        }
    }

    fn allot(&mut self) {
        let Some(bits) = self.control.bits() else { return };
        let before = self.layers_sent();
        let audio = self.voices as f64 * 50.0 * 8.0 * (VOICE + 28) as f64;
        let goal = self.allocation.decide(self.now, bits as f64, audio, &self.demands);
        self.control.set_goal(self.now, goal.map(|goal| goal as u64));
        let after = self.layers_sent();
        if before != after {
            self.changes.push((self.now, after));
        }
    }

    fn drain(&mut self) {
        let bytes = self.waiting.iter().map(|(_, bytes)| bytes).sum();
        self.control.begin(self.now, bytes);
        while !self.waiting.is_empty() && self.control.may_send(self.now) {
            if let Some((of, bytes)) = self.waiting.pop_front() {
                self.leave(of, bytes);
            }
        }
        if self.control.probe_at().is_some_and(|at| at <= self.now) {
            let due = self.control.probe(self.now, true).unwrap_or_default();
            (0..due.div_ceil(PADDING)).for_each(|_| self.leave(Of::Nobody, PADDING));
        }
    }

    fn leave(&mut self, of: Of, bytes: usize) {
        let is_numbered = self.are_voices_numbered || !matches!(of, Of::Voice(_));
        let sequence = is_numbered.then(|| self.control.sequence());
        self.control.depart(self.now, bytes, is_numbered);
        let free = self.free.max(self.now);
        if (free - self.now).as_secs_f64() * self.rate / 8.0 > self.queue || self.random.f64() < self.loss {
            return;
        }
        self.free = free + Duration::from_secs_f64((bytes + 28) as f64 * 8.0 / self.rate);
        let jitter = Duration::from_micros(self.random.u64(0..3_000));
        self.sent += 1;
        self.flights
            .insert((self.free + self.delay + jitter, self.sent), (sequence, of));
    }

    fn arrive(&mut self, sequence: Option<u16>, of: Of) {
        let at = (self.now - self.start).as_micros() as i64;
        self.arrived.extend(sequence.map(|sequence| (sequence, at)));
        match of {
            Of::Voice(voice) => self.heard[voice].push(self.now),
            Of::Video(video) => self.seen[video].push(self.now),
            Of::Nobody => {}
        }
    }

    /// Reports as browsers do. The way back is as long.
    fn report(&mut self) {
        self.arrived
            .sort_unstable_by_key(|(sequence, _)| sequence.wrapping_sub(self.reported) as i16);
        self.arrived
            .retain(|(sequence, _)| sequence.wrapping_sub(self.reported) as i16 >= 0);
        let (Some((last, _)), Some((_, first))) = (self.arrived.last(), self.arrived.first()) else {
            return;
        };
        let reference = first / 64_000;
        let mut body = [[0; 8].as_slice(), &self.reported.to_be_bytes()].concat();
        let count = last.wrapping_sub(self.reported).wrapping_add(1);
        body.extend(count.to_be_bytes());
        body.extend(&(reference as u32).to_be_bytes()[1..]);
        body.push(0);
        let (mut deltas, mut arrived) = (Vec::new(), self.arrived.iter().peekable());
        let mut before = reference * 256;
        let mut symbols = Vec::new();
        for n in 0..count {
            let number = self.reported.wrapping_add(n);
            let Some((_, at)) = arrived.next_if(|(sequence, _)| *sequence == number) else {
                symbols.push(0_u16);
                continue;
            };
            symbols.push(2);
            deltas.extend(((at / 250 - before) as i16).to_be_bytes());
            before = at / 250;
        }
        for seven in symbols.chunks(7) {
            let bits = seven.iter().enumerate();
            let word = bits.fold(0xc000_u16, |word, (at, symbol)| word | symbol << (12 - 2 * at));
            body.extend(word.to_be_bytes());
        }
        body.extend(deltas);
        self.reported = last.wrapping_add(1);
        self.arrived.clear();
        let feedback = TransportFeedback::parse(&body).expect("whole");
        self.control.reported(self.now, std::iter::once(feedback));
        if self.control.is_news() {
            self.allot();
        }
    }

    /// The longest silence of a voice in a span of time.
    fn silence(&self, from: Instant, until: Instant) -> Duration {
        let of = |times: &Vec<Instant>| {
            let pairs = times.windows(2).filter(|pair| pair[1] >= from && pair[0] < until);
            pairs.map(|pair| pair[1] - pair[0]).max().unwrap_or(until - from)
        };
        self.heard[..self.voices].iter().map(of).max().unwrap_or_default()
    }
}

/// On a line of 3 Mbit/s, which becomes one of 300 kbit/s and then is as before.
fn fall_and_rise(seed: u64) -> (Course, Instant, Instant) {
    let mut course = Course::new(seed);
    course.run(5);
    let fall = course.now;
    course.set_rate(3e5);
    course.run(8);
    let rise = course.now;
    course.set_rate(3e6);
    course.run(4);
    (course, fall, rise)
}

#[test]
fn hundreds_of_lines_become_narrow_and_wide_again() {
    for seed in 0..200 {
        let (course, fall, rise) = fall_and_rise(seed);
        let settled = fall + Duration::from_secs(2);
        let silences = [(fall, settled), (settled, rise), (rise, course.now)];
        let silences = silences.map(|(from, until)| course.silence(from, until).as_millis());
        // What was under way when the line fell is in front of the voices.
        assert!(silences[0] <= 200, "{seed}: {silences:?}");
        assert!(silences[1] <= 100 && silences[2] <= 100, "{seed}: {silences:?}");
        let (back, count) = *course.changes.last().expect("the line became narrow");
        assert!(
            count == 3 && back <= rise + Duration::from_secs(3),
            "{seed}: {count} {:?}",
            back - rise
        );
        assert!(
            course
                .seen
                .iter()
                .all(|seen| seen.last().is_some_and(|last| *last > back)),
            "{seed}"
        );
        let count = reversals(3, &course.changes);
        assert!(count <= 2, "{seed}: {count}");
    }
}

#[test]
fn narrow_lines_get_smaller_pictures_before_videos_are_paused() {
    let mut wavering = 0;
    for seed in 0..40 {
        let mut course = Course::new(seed);
        for demand in &mut course.demands {
            let bits = demand.layers[0].bits;
            let layers = [0.4, 1.2, 2.5].map(|times| Cost {
                bits: bits * times,
                is_anew: true,
            });
            demand.layers = layers.to_vec();
        }
        course.rate = 4e6;
        course.run(5);
        course.set_rate(9e5);
        course.run(10);
        let sent = [0, 1, 2].map(|video| course.allocation.granted(video));
        assert!(
            sent.iter().all(|layers| layers.is_none_or(|layers| layers > 0)),
            "{seed}: {sent:?}"
        );
        course.set_rate(4e6);
        course.run(9);
        // Keyframes of several videos at once may be taken for a limit: then the last layers come later.
        assert!(course.layers_sent() >= 6, "{seed}: {:?}", course.changes);
        wavering += usize::from(reversals(9, &course.changes) > 2);
    }
    assert!(
        wavering <= 1,
        "{wavering} of 40 changed their direction more than twice"
    );
}

#[test]
fn a_line_that_is_wide_enough_is_never_held_back() {
    for seed in 0..20 {
        let mut course = Course::new(seed);
        course.run(20);
        assert_eq!(course.control.bits(), None, "{seed}");
        assert!(
            course.silence(course.start, course.now) <= Duration::from_millis(70),
            "{seed}"
        );
    }
}

#[test]
fn a_radio_that_stalls_is_not_a_narrow_line() {
    let is_held_back = |seed: &u64| {
        let mut course = Course::new(*seed);
        (course.rate, course.queue, course.loss) = (10e6, 400e3, 0.0);
        for _ in 0..10 {
            course.run(2);
            course.free = course.free.max(course.now + 120 * MS);
        }
        course.control.bits().is_some()
    };
    let held_back = (0..40).filter(is_held_back).count();
    assert!(held_back <= 4, "{held_back} of 40");
}

/// How often less was sent after more, and more after less.
fn reversals(begin: usize, changes: &[(Instant, usize)]) -> usize {
    let counts: Vec<usize> = std::iter::once(begin)
        .chain(changes.iter().map(|(_, count)| *count))
        .collect();
    let grows: Vec<bool> = counts.windows(2).map(|pair| pair[1] > pair[0]).collect();
    grows.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn voices_that_no_report_speaks_of_take_no_room_twice() {
    let video_bits = |are_voices_numbered| {
        let of = |seed| {
            let mut course = Course::new(seed);
            course.are_voices_numbered = are_voices_numbered;
            course.run(5);
            course.set_rate(5e5);
            course.run(12);
            let sent = |course: &mut Course| {
                course.run(1);
                let sent = (0..3).filter(|video| course.is_sent(*video));
                sent.map(|video| course.demands[video].layers[0].bits).sum::<f64>()
            };
            (0..6).map(|_| sent(&mut course)).sum::<f64>() / 6.0
        };
        (0..12).map(of).sum::<f64>() / 12.0
    };
    let (all, video) = (video_bits(true), video_bits(false));
    assert!(video > 0.8 * all, "{video} instead of {all}");
}

#[test]
fn a_line_that_takes_next_to_nothing_is_noticed_however_long_its_queue_is() {
    for seed in 0..12 {
        let mut course = Course::new(seed);
        // A second of what is sent at first takes many to get through.
        (course.rate, course.queue, course.voices) = ([1e5, 2e5][seed as usize % 2], 250e3, 1);
        course.run(12);
        let queue = course.free.saturating_duration_since(course.now);
        assert!(queue <= 300 * MS, "{seed}: {queue:?} at {:?}", course.control.bits());
    }
}
