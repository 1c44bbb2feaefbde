//! What a session has to say, in the words of a peer.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::{Protocol, Transmit};

use super::Peer;
use super::keys::Failure;
use super::paths::Address;
use super::session::{Fault, Said};
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
    /// Nothing until then; `None`: nothing by itself.
    Wait(Option<Instant>),
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
            let output = match self.session.poll(now)? {
                Some(Said::Transmit(answer)) => Some(stated(answer)),
                Some(Said::Dtls(packet)) => self.route(packet),
                Some(Said::Connected) => {
                    self.watch.dtls_up();
                    None
                }
                Some(Said::Wait(at)) => {
                    // A lite agent (RFC 8445 section 2.5) only answers, but the session would see to it every few seconds.
                    let is_idle = self.watch.was_up() && self.session.waits_for_ice();
                    Some(PeerOutput::Wait((!is_idle).then_some(at)))
                }
                Some(Said::Closed) | None => Some(PeerOutput::Over),
            };
            if let Some(output) = output {
                return Ok(output);
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
        self.paths.poll().map(transmit)
    }

    /// What a closing session has left to send.
    pub(crate) fn last_transmits(&mut self, now: Instant) -> Vec<PeerOutput> {
        let goodbyes = self.goodbyes().into_iter();
        let mut transmits: Vec<PeerOutput> = goodbyes.filter_map(|packet| self.route(packet)).collect();
        // A session that closes has a handful of packets; the bound guards against one that never ends.
        for _ in 0..256 {
            match self.session.poll(now) {
                Ok(Some(Said::Transmit(answer))) => transmits.push(stated(answer)),
                Ok(Some(Said::Dtls(packet))) => transmits.extend(self.route(packet)),
                Ok(Some(Said::Connected | Said::Closed)) => {}
                _ => break,
            }
        }
        transmits
    }

    /// `None`: the packet waits until there is an address in use.
    fn route(&mut self, packet: Vec<u8>) -> Option<PeerOutput> {
        self.paths.route(packet).map(transmit)
    }
}

/// An answer to a STUN request goes where the session says.
fn stated(answer: Transmit) -> PeerOutput {
    let transport = match answer.proto {
        Protocol::Udp => Transport::Udp,
        _ => Transport::TcpPassive,
    };
    transmit(((transport, answer.destination), answer.contents.into()))
}

fn transmit(((transport, destination), contents): (Address, Vec<u8>)) -> PeerOutput {
    PeerOutput::Transmit {
        transport,
        destination,
        contents,
    }
}
