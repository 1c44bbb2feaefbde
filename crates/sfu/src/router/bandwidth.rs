//! What a peer is sent where its line has shown a limit.

use std::time::{Duration, Instant};

use str0m::media::MediaKind;

use super::allocation::{Allocation, Cost, Demand};
use super::ladder::{GivesUp, Rung};
use super::selection::{Allowance, Layer, Size};
use super::{Due, Router};
use crate::command::Source;
use crate::event::LimitedVideo;
use crate::ids::{PeerKey, SubscriptionKey, TrackKey, UserId};

/// How often it is looked at again: videos cost now more, now less.
const EVERY: Duration = Duration::from_millis(200);

/// How often a client is told at most what is limited: layers are added one after the other.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What a track is taken to cost until that is known, in bits per second.
const USUAL_AUDIO: f64 = 50_000.0;
const USUAL_VIDEO: f64 = 150_000.0;
/// Each larger picture has so many times as many bits.
const LARGER: f64 = 3.0;

/// All of an audio.
const WHOLE: Layer = Layer {
    spatial: 0,
    temporal: Layer::ALL,
};

/// How much one peer can be sent, and what it is sent of it.
#[derive(Debug, Default)]
pub(super) struct Bandwidth {
    bits: u64,
    allocation: Allocation<TrackKey>,
    /// The videos that are paused.
    paused: Vec<TrackKey>,
    /// The client knows which.
    is_told: bool,
    /// The videos that it was told are limited.
    limited: Vec<(TrackKey, Less)>,
    /// When it was told.
    limited_at: Option<Instant>,
}

/// How what is sent of a video differs from what its tile wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Less {
    /// The height of the picture, if that is smaller.
    height: Option<u32>,
    has_fewer_frames: bool,
}

/// What follows from how much a peer can be sent.
#[derive(Debug)]
pub(crate) struct Allotment {
    pub(crate) peer: PeerKey,
    /// So many bits per second would be of use; `None`: what is possible is enough.
    pub(crate) goal: Option<u64>,
    /// The videos that are not sent, if that has changed.
    pub(crate) paused: Option<Vec<(UserId, Source)>>,
    /// Those of which less is sent than their tiles want, if that has changed.
    pub(crate) limited: Option<Vec<LimitedVideo>>,
}

/// A video that a peer has a tile for.
struct Wanted {
    subscription: SubscriptionKey,
    /// The layers of the demand.
    layers: Vec<Layer>,
    demand: Demand<TrackKey>,
}

impl Wanted {
    fn new(subscription: SubscriptionKey, key: TrackKey, rungs: &[Rung]) -> Self {
        let mut usual = USUAL_VIDEO / LARGER;
        let costs = rungs.iter().map(|rung| {
            usual *= if rung.is_anew { LARGER } else { 1.0 };
            Cost {
                bits: rung.bits.unwrap_or(usual),
                is_anew: rung.is_anew,
            }
        });
        Self {
            subscription,
            layers: rungs.iter().map(|rung| rung.layer).collect(),
            demand: Demand {
                key,
                layers: costs.collect(),
            },
        }
    }

    /// What may be sent where so many layers are granted.
    fn allowance(&self, granted: Option<usize>) -> Allowance {
        let all = self.layers.len();
        match granted {
            Some(some) if (1..all).contains(&some) => Allowance::UpTo(self.layers[some - 1]),
            _ => Allowance::Unlimited,
        }
    }

    /// What is sent where so many layers are granted, if that is not all, and not nothing.
    fn less(&self, granted: Option<usize>, height: impl FnOnce(Size) -> u32) -> Option<Less> {
        let Allowance::UpTo(sent) = self.allowance(granted) else {
            return None;
        };
        let is_smaller = self.layers.last().is_some_and(|all| all.spatial != sent.spatial);
        Some(Less {
            height: is_smaller.then(|| height(sent.spatial)),
            has_fewer_frames: sent.temporal != Layer::ALL,
        })
    }
}

/// Gauges of all peers together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct BandwidthStats {
    /// Peers whose line has shown a limit.
    pub(crate) peers: usize,
    /// What they can be sent, in kbit/s.
    pub(crate) kilobits: u64,
    /// Videos that are not sent.
    pub(crate) videos: usize,
}

impl Router {
    /// A peer can be sent so many bits per second. `None`: there is no sign of a limit.
    pub(crate) fn set_bandwidth(&mut self, now: Instant, peer: PeerKey, bits: Option<u64>) {
        let Some(member) = self.members.get_mut(peer) else {
            return;
        };
        let before = member.bandwidth.as_ref().map(|bandwidth| bandwidth.bits);
        self.limited.peers = self.limited.peers + usize::from(bits.is_some()) - usize::from(before.is_some());
        self.limited.kilobits = self.limited.kilobits + bits.unwrap_or(0) / 1_000 - before.unwrap_or(0) / 1_000;
        match bits {
            Some(bits) => {
                let nothing_paused = || Bandwidth {
                    is_told: true,
                    ..Bandwidth::default()
                };
                member.bandwidth.get_or_insert_with(nothing_paused).bits = bits;
                self.allot(now, peer);
            }
            None => self.set_free(now, peer),
        }
    }

    /// The next thing that follows. To be asked after each call.
    pub(crate) fn poll_allotment(&mut self) -> Option<Allotment> {
        self.allotments.pop_front()
    }

    /// The gauges.
    pub(crate) fn bandwidth_stats(&self) -> BandwidthStats {
        self.limited
    }

    /// A peer's client may not know what it was told: it is told again.
    pub(super) fn tell_paused_again(&mut self, peer: PeerKey) {
        let bandwidth = self.members.get_mut(peer).and_then(|member| member.bandwidth.as_mut());
        if let Some(bandwidth) = bandwidth {
            bandwidth.is_told = false;
        }
    }

    /// A peer leaves.
    pub(super) fn forget_bandwidth(&mut self, peer: PeerKey) {
        let member = self.members.get_mut(peer);
        if let Some(bandwidth) = member.and_then(|member| member.bandwidth.take()) {
            self.limited.peers -= 1;
            self.limited.kilobits -= bandwidth.bits / 1_000;
            self.limited.videos -= bandwidth.paused.len();
        }
        self.timers.disarm(Due::Allotment(peer));
    }

    /// Divides what a peer can be sent anew, if there is a limit.
    pub(super) fn allot(&mut self, now: Instant, peer: PeerKey) {
        let Some(mut bandwidth) = self.members.get_mut(peer).and_then(|member| member.bandwidth.take()) else {
            return;
        };
        let (audio, videos) = self.demands(peer);
        let demands: Vec<Demand<TrackKey>> = videos.iter().map(|video| video.demand.clone()).collect();
        let decision = bandwidth.allocation.decide(now, bandwidth.bits as f64, audio, &demands);
        let mut limited = Vec::new();
        for video in videos {
            let granted = bandwidth.allocation.granted(video.demand.key);
            let layers = &self.rooms[self.members[peer].room].tracks[video.demand.key].layers;
            let less = video.less(granted, |size| layers.height(size));
            limited.extend(less.map(|less| (video.demand.key, less)));
            self.set_paused(now, peer, video.subscription, granted == Some(0));
            self.allow(now, peer, video.subscription, video.allowance(granted));
        }
        let paused = bandwidth.allocation.paused();
        self.limited.videos = self.limited.videos + paused.len() - bandwidth.paused.len();
        let tells = !bandwidth.is_told || paused != bandwidth.paused;
        let is_due = bandwidth.limited_at.is_none_or(|at| at + TELL_EVERY <= now);
        let tells_limited = !bandwidth.is_told || (is_due && limited != bandwidth.limited);
        (bandwidth.paused, bandwidth.is_told) = (paused, true);
        if tells_limited {
            (bandwidth.limited, bandwidth.limited_at) = (limited, Some(now));
        }
        self.allotments.push_back(Allotment {
            peer,
            goal: decision.map(|goal| goal as u64),
            paused: tells.then(|| self.names(peer, &bandwidth.paused)),
            limited: tells_limited.then(|| self.limited_videos(peer, &bandwidth.limited)),
        });
        self.members[peer].bandwidth = Some(bandwidth);
        self.timers.arm(now + EVERY, Due::Allotment(peer));
    }

    /// Nothing is paused any more.
    fn set_free(&mut self, now: Instant, peer: PeerKey) {
        let Some(bandwidth) = self.members.get_mut(peer).and_then(|member| member.bandwidth.take()) else {
            return;
        };
        self.limited.videos -= bandwidth.paused.len();
        // Also those that have nothing to send now: they may have later.
        for (_, subscription) in self.members[peer].subscriptions.clone() {
            self.set_paused(now, peer, subscription, false);
            self.allow(now, peer, subscription, Allowance::Unlimited);
        }
        self.allotments.push_back(Allotment {
            peer,
            goal: None,
            paused: (!bandwidth.paused.is_empty()).then(Vec::new),
            limited: (!bandwidth.limited.is_empty()).then(Vec::new),
        });
        self.timers.disarm(Due::Allotment(peer));
    }

    fn set_paused(&mut self, now: Instant, peer: PeerKey, subscription: SubscriptionKey, is_paused: bool) {
        let room = self.members[peer].room;
        self.change(now, room, subscription, true, |subscription| {
            subscription.set_paused(is_paused)
        });
    }

    fn allow(&mut self, now: Instant, peer: PeerKey, subscription: SubscriptionKey, allowance: Allowance) {
        let selection = self.subscriptions[subscription].selection_mut();
        if std::mem::replace(&mut selection.allowance, allowance) != allowance {
            self.select(now, self.members[peer].room, subscription);
        }
    }

    /// What the audio that a peer is sent costs, and its videos, the most important one first.
    fn demands(&self, peer: PeerKey) -> (f64, Vec<Wanted>) {
        let member = &self.members[peer];
        let room = &self.rooms[member.room];
        let (mut audio, mut videos) = (0.0, Vec::new());
        for (_, key) in &member.subscriptions {
            let subscription = &self.subscriptions[*key];
            let track = subscription.assigned().filter(|_| subscription.is_wanted());
            let Some((name, track)) = track.and_then(|name| Some((name, room.tracks.get(name)?))) else {
                continue;
            };
            if track.is_paused {
                continue;
            }
            match track.kind() {
                MediaKind::Audio => {
                    audio += track.layers.bits(WHOLE).unwrap_or(USUAL_AUDIO);
                }
                MediaKind::Video => {
                    let tile = subscription.selection().tile;
                    let gives_up = match track.source() {
                        Source::Screen => GivesUp::Frames,
                        _ => GivesUp::Size,
                    };
                    videos.push(Wanted::new(*key, name, &track.layers.for_tile(tile, gives_up)));
                }
            }
        }
        let order = if member.videos.is_empty() {
            &room.videos
        } else {
            &member.videos
        };
        videos.sort_by_cached_key(|Wanted { demand, .. }| {
            let is_screen = room.tracks[demand.key].source() == Source::Screen;
            (
                !is_screen,
                order.iter().position(|key| *key == demand.key).unwrap_or(usize::MAX),
            )
        });
        (audio, videos)
    }

    fn names(&self, peer: PeerKey, videos: &[TrackKey]) -> Vec<(UserId, Source)> {
        let tracks = &self.rooms[self.members[peer].room].tracks;
        let known = videos.iter().filter_map(|key| tracks.get(*key));
        known.map(|track| (track.user.clone(), track.source())).collect()
    }

    fn limited_videos(&self, peer: PeerKey, videos: &[(TrackKey, Less)]) -> Vec<LimitedVideo> {
        let tracks = &self.rooms[self.members[peer].room].tracks;
        let known = videos.iter().filter_map(|(key, less)| Some((tracks.get(*key)?, less)));
        known
            .map(|(track, less)| LimitedVideo {
                user: track.user.clone(),
                source: track.source(),
                height: less.height,
                has_fewer_frames: less.has_fewer_frames,
            })
            .collect()
    }
}
