//! Whether a peer's media path is up, and when to give it up.

use std::time::{Duration, Instant};

/// What became of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// ICE and DTLS are done.
    Up,
    /// ICE lost the client.
    Down,
}

/// Watches one path.
#[derive(Debug)]
pub struct Watch {
    silence: Duration,
    ice: bool,
    dtls: bool,
    told: Option<Turn>,
    /// The last sign of life of ICE.
    heard: Instant,
}

impl Watch {
    /// From a peer's begin on.
    pub fn new(silence: Duration, now: Instant) -> Self {
        Self {
            silence,
            ice: false,
            dtls: false,
            told: None,
            heard: now,
        }
    }

    /// A STUN request was verified.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// DTLS is done.
    pub fn dtls_up(&mut self) -> Option<Turn> {
        self.dtls = true;
        self.turn()
    }

    /// ICE has no path now, or looks for another one, but media has flowed before.
    pub fn is_broken(&self) -> bool {
        !self.ice && self.told.is_some()
    }

    /// ICE has a path.
    pub fn ice_up(&mut self) -> Option<Turn> {
        self.ice = true;
        self.turn()
    }

    /// ICE checks. If it was up, it was restarted: the old path serves until there is a new one, and the time to
    /// connect begins now.
    pub fn ice_checks(&mut self, now: Instant) {
        if std::mem::take(&mut self.ice) {
            self.heard = now;
        }
    }

    /// ICE has no path any more.
    pub fn ice_down(&mut self) -> Option<Turn> {
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
    pub fn carries(&self) -> bool {
        self.dtls && self.told == Some(Turn::Up)
    }

    /// When to give up, unless something is heard.
    pub fn deadline(&self) -> Option<Instant> {
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
    fn a_restart_is_no_disconnection() {
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
    fn dtls_that_never_ends_is_given_up() {
        let now = Instant::now();
        let mut watch = Watch::new(Duration::from_secs(30), now);
        watch.ice_up();
        assert_eq!(watch.deadline(), Some(now + Duration::from_secs(30)));
    }
}
