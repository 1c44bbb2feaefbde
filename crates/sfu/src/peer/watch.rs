//! Whether a peer's media path is up, and when to give up on it.

use std::time::{Duration, Instant};

use super::output::PathChange;
use crate::event::CloseReason;

/// What the hub is told of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// An address is verified and DTLS is done.
    Up,
    /// Nothing has been heard of the client for [`LOST_AFTER`].
    Down,
}

/// A client that checks its path (RFC 7675) or sends media gives several signs of life in this time.
const LOST_AFTER: Duration = Duration::from_secs(15);

/// The state of one path.
#[derive(Debug)]
pub(super) struct Watch {
    silence: Duration,
    has_path: bool,
    dtls: bool,
    /// Packets may have been lost since the hub was told that the path is up.
    is_broken: bool,
    /// What the hub was told last.
    told: Option<Turn>,
    /// When the client last gave a sign of life: an authenticated packet of any kind.
    heard: Instant,
    /// When ICE began, the last time, or found its first path.
    began: Instant,
}

impl Watch {
    /// The path of a new peer.
    pub(super) fn new(silence: Duration, now: Instant) -> Self {
        Self {
            silence,
            has_path: false,
            dtls: false,
            is_broken: false,
            told: None,
            heard: now,
            began: now,
        }
    }

    /// The client has sent an authenticated packet.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// DTLS is done.
    pub(super) fn dtls_up(&mut self) {
        self.dtls = true;
    }

    /// Media goes to another address, or to the first one.
    pub(super) fn path_selected(&mut self, now: Instant) {
        if !self.has_path {
            // DTLS has had no way until now.
            self.began = self.began.max(now);
        }
        self.is_broken = self.told.is_some();
        self.has_path = true;
    }

    /// ICE was restarted: the old path serves until there is a new one, and the time to connect begins now. DTLS has its time
    /// once, from the first path on.
    pub(super) fn restarted(&mut self, now: Instant) {
        if self.dtls || !self.has_path {
            self.began = now;
        }
    }

    /// Whether the path has been up ever.
    pub(super) fn was_up(&self) -> bool {
        self.told.is_some()
    }

    /// Whether media can flow.
    pub(super) fn carries(&self) -> bool {
        self.told == Some(Turn::Up)
    }

    fn is_up(&self, now: Instant) -> bool {
        self.has_path && self.dtls && now < self.heard + LOST_AFTER
    }

    /// What has changed since the last call.
    pub(super) fn poll(&mut self, now: Instant) -> Option<PathChange> {
        let turn = match (self.told, self.is_up(now)) {
            (Some(Turn::Up), false) => Some(Turn::Down),
            (None | Some(Turn::Down), true) => Some(Turn::Up),
            _ => None,
        };
        let is_mended = self.is_up(now) && (self.is_broken || self.told == Some(Turn::Down));
        self.told = turn.or(self.told);
        self.is_broken &= !is_mended;
        (turn.is_some() || is_mended).then_some(PathChange { turn, is_mended })
    }

    /// Whether [`Self::poll`] has something to say because of the time.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.told == Some(Turn::Up) && !self.is_up(now)
    }

    /// Whether to close the peer, and why.
    pub(super) fn over(&self, now: Instant) -> Option<CloseReason> {
        let reason = match self.has_path && !self.dtls {
            true => CloseReason::Dtls,
            false => CloseReason::IceTimeout,
        };
        (self.closes_at() <= now).then_some(reason)
    }

    fn closes_at(&self) -> Instant {
        // Who answers checks and never finishes DTLS has no media to come.
        let alive = if self.dtls {
            self.heard.max(self.began)
        } else {
            self.began
        };
        alive + self.silence
    }

    /// When something is due, unless the client gives a sign of life.
    pub(super) fn deadline(&self) -> Instant {
        match self.told {
            Some(Turn::Up) => self.closes_at().min(self.heard + LOST_AFTER),
            _ => self.closes_at(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(30);

    fn change(turn: Option<Turn>, is_mended: bool) -> Option<PathChange> {
        Some(PathChange { turn, is_mended })
    }

    fn up(now: Instant) -> Watch {
        let mut watch = Watch::new(SILENCE, now);
        watch.path_selected(now);
        watch.dtls_up();
        assert_eq!(watch.poll(now), change(Some(Turn::Up), false));
        watch
    }

    #[test]
    fn a_path_comes_goes_and_comes_back() {
        let now = Instant::now();
        let mut watch = up(now);
        assert_eq!((watch.poll(now), watch.deadline()), (None, now + LOST_AFTER));
        let lost = now + LOST_AFTER;
        assert!(watch.is_lost(lost));
        assert_eq!(watch.poll(lost), change(Some(Turn::Down), false));
        assert!(!watch.is_lost(lost) && !watch.carries());
        assert_eq!(watch.deadline(), now + SILENCE);
        watch.heard(lost);
        assert_eq!(watch.poll(lost), change(Some(Turn::Up), true));
        assert_eq!(watch.poll(lost), None);
    }

    #[test]
    fn another_address_is_not_a_disconnection_but_a_break() {
        let now = Instant::now();
        let mut watch = up(now);
        watch.path_selected(now);
        assert!(watch.carries());
        assert_eq!(watch.poll(now), change(None, true));
        assert_eq!(watch.poll(now), None);
    }

    #[test]
    fn the_time_to_connect_begins_anew_with_an_ice_restart() {
        let now = Instant::now();
        let mut watch = up(now);
        let later = now + Duration::from_secs(14);
        watch.restarted(later);
        assert!(watch.carries());
        assert_eq!(watch.poll(now + LOST_AFTER), change(Some(Turn::Down), false));
        assert_eq!(watch.deadline(), later + SILENCE);
    }

    #[test]
    fn a_dtls_handshake_that_never_completes_times_out() {
        let now = Instant::now();
        let mut watch = Watch::new(SILENCE, now);
        watch.path_selected(now);
        watch.heard(now + SILENCE / 2);
        assert_eq!((watch.poll(now), watch.deadline()), (None, now + SILENCE));
        assert_eq!(watch.over(now + SILENCE), Some(CloseReason::Dtls));
        assert!(!watch.was_up());
    }

    #[test]
    fn an_ice_restart_gives_a_dtls_handshake_no_more_time() {
        let now = Instant::now();
        let mut watch = Watch::new(SILENCE, now);
        let later = now + SILENCE / 2;
        watch.restarted(later);
        assert_eq!(watch.deadline(), later + SILENCE, "there was no path yet");
        assert_eq!(watch.over(later + SILENCE), Some(CloseReason::IceTimeout));
        watch.path_selected(later);
        watch.restarted(later + SILENCE / 2);
        assert_eq!(watch.over(later + SILENCE), Some(CloseReason::Dtls));
    }
}
