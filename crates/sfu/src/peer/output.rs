//! What a session has to say, in the words of a peer.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::Protocol;
use str0m::{Event, Output};

use super::Peer;
use super::keys::Failure;
use super::session::Fault;
use super::watch::Turn;
use crate::config::Transport;

/// What a peer wants done.
pub(crate) enum PeerOutput {
    /// Send a packet.
    Transmit {
        /// The transport protocol.
        transport: Transport,
        /// Where to.
        destination: SocketAddr,
        /// The packet.
        contents: Vec<u8>,
    },
    /// An offer may be planned again.
    GoesOn,
    /// Its path has changed, and with it perhaps its deadline.
    Path(PathChange),
    /// Nothing until then.
    Wait(Instant),
    /// The session is over.
    Over,
    /// The session will never begin: DTLS failed.
    Failed(Failure),
}

/// A change of a peer's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathChange {
    /// What the hub is to be told.
    pub(crate) turn: Option<Turn>,
    /// Media flows again after a break: what was sent meanwhile is lost.
    pub(crate) is_mended: bool,
}

impl Peer {
    /// The next thing it wants done.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn poll(&mut self, now: Instant) -> Result<PeerOutput, Fault> {
        loop {
            if let Some(failure) = self.session.failure() {
                return Ok(PeerOutput::Failed(failure));
            }
            if let Some(output) = self.poll_own(now) {
                return Ok(output);
            }
            match self.session.poll()? {
                Some(Output::Transmit(transmit)) => {
                    if let Some(output) = self.transmit(transmit) {
                        return Ok(output);
                    }
                }
                Some(Output::Timeout(at)) => return Ok(PeerOutput::Wait(at)),
                Some(Output::Event(event)) => {
                    if let Some(output) = self.handle(&event) {
                        return Ok(output);
                    }
                }
                None => return Ok(PeerOutput::Over),
            }
        }
    }

    /// The next thing that it wants done without its session, which has not been touched.
    pub(crate) fn poll_own(&mut self, now: Instant) -> Option<PeerOutput> {
        if std::mem::take(&mut self.goes_on) {
            return Some(PeerOutput::GoesOn);
        }
        if let Some(change) = self.watch.poll(now) {
            return Some(PeerOutput::Path(change));
        }
        let ((transport, destination), contents) = self.paths.poll()?;
        Some(PeerOutput::Transmit {
            transport,
            destination,
            contents,
        })
    }

    /// What a closing session has left to send; its events are of no use any more.
    pub(crate) fn last_transmits(&mut self) -> Vec<PeerOutput> {
        let mut transmits = Vec::new();
        // A session that closes has a handful of packets; the bound guards against one that never ends.
        for _ in 0..256 {
            match self.session.poll() {
                Ok(Some(Output::Transmit(transmit))) => transmits.extend(self.transmit(transmit)),
                Ok(Some(Output::Event(_))) => {}
                _ => break,
            }
        }
        transmits
    }

    /// Answers to STUN requests go where the session says, all else to the address in use. `None`: the packet waits until
    /// there is one.
    fn transmit(&mut self, transmit: str0m::net::Transmit) -> Option<PeerOutput> {
        let contents: Vec<u8> = transmit.contents.into();
        let first = contents.first().copied().unwrap_or_default();
        let is_stun = first < 2;
        let contents = if (128..=191).contains(&first) {
            self.sending.seal_goodbyes(&self.session, &contents)?
        } else {
            contents
        };
        let stated = match transmit.proto {
            Protocol::Udp => (Transport::Udp, transmit.destination),
            _ => (Transport::TcpPassive, transmit.destination),
        };
        let routed = if is_stun {
            Some((stated, contents))
        } else {
            self.paths.route(contents)
        };
        let ((transport, destination), contents) = routed?;
        Some(PeerOutput::Transmit {
            transport,
            destination,
            contents,
        })
    }

    fn handle(&mut self, event: &Event) -> Option<PeerOutput> {
        match event {
            Event::Connected => {
                self.watch.dtls_up();
                None
            }
            Event::Closed => Some(PeerOutput::Over),
            _ => None,
        }
    }
}
