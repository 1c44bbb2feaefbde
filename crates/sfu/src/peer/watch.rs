//! Whether a peer's media path is up, and when to give up on it.

use std::time::{Duration, Instant};

/// What the hub is told of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// ICE and DTLS are done.
    Up,
    /// ICE lost the client.
    Down,
}

/// The state of one path.
#[derive(Debug)]
pub(super) struct Watch {
    silence: Duration,
    ice: bool,
    dtls: bool,
    /// What the hub was told last.
    told: Option<Turn>,
    /// When ICE last gave a sign of life.
    heard: Instant,
}

impl Watch {
    /// The path of a new peer.
    pub(super) fn new(silence: Duration, now: Instant) -> Self {
        Self {
            silence,
            ice: false,
            dtls: false,
            told: None,
            heard: now,
        }
    }

    /// A STUN request was verified.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// DTLS is done.
    pub(super) fn dtls_up(&mut self) -> Option<Turn> {
        self.dtls = true;
        self.turn()
    }

    /// Media has flowed before, and ICE has no path now, or looks for another one.
    pub(super) fn is_broken(&self) -> bool {
        !self.ice && self.told.is_some()
    }

    /// ICE has a path.
    pub(super) fn ice_up(&mut self) -> Option<Turn> {
        self.ice = true;
        self.turn()
    }

    /// ICE checks paths. If it had one, it was restarted: the old path serves until there is a new one, and the time to
    /// connect begins now.
    pub(super) fn ice_checks(&mut self, now: Instant) {
        if std::mem::take(&mut self.ice) {
            self.heard = now;
        }
    }

    /// ICE has no path any more.
    pub(super) fn ice_down(&mut self) -> Option<Turn> {
        self.ice = false;
        (self.told == Some(Turn::Up)).then(|| {
            self.told = Some(Turn::Down);
            Turn::Down
        })
    }

    fn turn(&mut self) -> Option<Turn> {
        (self.ice && self.dtls && self.told != Some(Turn::Up)).then(|| {
            self.told = Some(Turn::Up);
            Turn::Up
        })
    }

    /// Whether media can flow. While ICE restarts, it does so on the old path.
    pub(super) fn carries(&self) -> bool {
        self.dtls && self.told == Some(Turn::Up)
    }

    /// When to close the peer, unless ICE gives a sign of life.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.ice || !self.dtls).then(|| self.heard + self.silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_goes_and_comes_back() {
        let now = Instant::now();
        let mut watch = Watch::new(Duration::from_secs(30), now);
        assert_eq!(watch.deadline(), Some(now + Duration::from_secs(30)));
        assert_eq!((watch.ice_up(), watch.dtls_up()), (None, Some(Turn::Up)));
        assert_eq!(watch.deadline(), None);
        let heard = now + Duration::from_secs(5);
        watch.heard(heard);
        assert_eq!((watch.ice_down(), watch.ice_down()), (Some(Turn::Down), None));
        assert_eq!(watch.deadline(), Some(heard + Duration::from_secs(30)));
        assert_eq!(watch.ice_up(), Some(Turn::Up));
    }

    #[test]
    fn an_ice_restart_is_not_a_disconnection() {
        let now = Instant::now();
        let mut watch = Watch::new(Duration::from_secs(30), now);
        watch.ice_up();
        watch.dtls_up();
        let later = now + Duration::from_secs(60);
        watch.ice_checks(later);
        assert!(watch.carries());
        assert_eq!(watch.deadline(), Some(later + Duration::from_secs(30)));
        assert!(watch.is_broken());
        assert_eq!(watch.ice_up(), None);
        assert!(!watch.is_broken());
        assert_eq!(watch.deadline(), None);
    }

    #[test]
    fn a_dtls_handshake_that_never_completes_times_out() {
        let now = Instant::now();
        let mut watch = Watch::new(Duration::from_secs(30), now);
        watch.ice_up();
        assert_eq!(watch.deadline(), Some(now + Duration::from_secs(30)));
    }
}
