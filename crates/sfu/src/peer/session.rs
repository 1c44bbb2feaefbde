//! A str0m session. A panic inside it is confined to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Receive, Transmit};
use str0m::rtp::Ssrc;
use str0m::{Event, IceCreds, Input, Output, Reason, Rtc};

use super::factory::protocol;
use super::formats::Role;
use super::keys::{Failure, KeySlot};
use crate::config::Transport;
use crate::line::Label;
use crate::rtp::matching_payload;
use crate::sdp::IceCredentials;
use crate::srtp::MasterKeys;

/// An address that nothing comes from.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The session panicked. It is not entered again: its state may be inconsistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault;

/// The session takes no such SDP. Its own words for it are not for clients: they may repeat the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// A packet from the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// The transport protocol.
    pub(crate) transport: Transport,
    /// The sender.
    pub(crate) source: SocketAddr,
    /// The candidate at which it arrived.
    pub(crate) destination: SocketAddr,
    /// The packet.
    pub(crate) packet: &'a [u8],
    /// Whether it is a STUN request.
    pub(crate) is_stun: bool,
}

/// What a session says.
pub(super) enum Said {
    /// Answer a STUN request.
    Transmit(Transmit),
    /// Send a packet of DTLS.
    Dtls(Vec<u8>),
    /// DTLS is done.
    Connected,
    /// The client has ended DTLS.
    Closed,
    /// Nothing until then.
    Wait(Instant),
}

/// An m-line that an offer of the server adds.
#[derive(Debug, Clone)]
pub(crate) struct Addition {
    /// Audio or video.
    pub(crate) kind: MediaKind,
    /// How the track is announced.
    pub(crate) label: Label,
}

/// An offer as str0m made it.
pub(super) struct RawOffer {
    pub(super) sdp: String,
    /// The m-lines added, in the order of the additions.
    pub(super) added: Vec<Mid>,
}

/// A session, entered only by [`Self::enter`].
pub(super) struct Session {
    rtc: Rtc,
    keys: KeySlot,
    is_faulty: bool,
}

impl Session {
    /// A session, and where its keys come.
    pub(super) fn new(rtc: Rtc, keys: KeySlot) -> Self {
        Self {
            rtc,
            keys,
            is_faulty: false,
        }
    }

    /// The keys of SRTP, once DTLS has them.
    pub(super) fn take_keys(&self) -> Option<MasterKeys> {
        self.keys.take()
    }

    /// The client has sent something by the keys of SRTP.
    pub(super) fn prove_keys(&self) {
        self.keys.prove();
    }

    /// Does something with the session.
    ///
    /// # Errors
    /// [`Fault`] if it panicked, now or before.
    pub(super) fn enter<T>(&mut self, act: impl FnOnce(&mut Rtc) -> T) -> Result<T, Fault> {
        if self.is_faulty {
            return Err(Fault);
        }
        // Nothing but the session is touched by `act` when it panics, and the session is not entered again.
        catch_unwind(AssertUnwindSafe(|| act(&mut self.rtc))).map_err(|_| {
            self.is_faulty = true;
            Fault
        })
    }

    /// The ufrag by which the client's STUN requests name this session.
    pub(super) fn ufrag(&mut self) -> Result<String, Fault> {
        self.enter(|rtc| rtc.direct_api().local_ice_credentials().ufrag)
    }

    /// The server's credentials of ICE.
    pub(super) fn credentials(&mut self) -> Result<IceCreds, Fault> {
        self.enter(|rtc| rtc.direct_api().local_ice_credentials())
    }

    /// Goes back to earlier credentials of the server's.
    pub(super) fn set_credentials(&mut self, local: IceCreds) -> Result<(), Fault> {
        self.enter(|rtc| rtc.direct_api().set_local_ice_credentials(local))
    }

    /// Takes new credentials of the client's without an ICE restart of our own.
    pub(super) fn set_remote_credentials(&mut self, remote: IceCredentials<'_>) -> Result<(), Fault> {
        let credentials = IceCreds {
            ufrag: remote.ufrag.to_string(),
            pass: remote.password.to_string(),
        };
        self.enter(|rtc| rtc.direct_api().set_remote_ice_credentials(credentials))
    }

    /// Takes a packet. `false`: its integrity is wrong, it is not for this session.
    pub(super) fn receive(&mut self, now: Instant, arrival: &Arrival<'_>) -> Result<bool, Fault> {
        let Arrival {
            transport,
            source,
            destination,
            packet,
            is_stun,
        } = *arrival;
        self.enter(|rtc| {
            let input = |source| {
                let receive = Receive::new(protocol(transport), source, destination, packet).ok()?;
                Some(Input::Receive(now, receive))
            };
            // str0m accepts whatever comes from the nominated address; from any other it verifies the integrity.
            let is_ours = !is_stun || input(NOWHERE).is_some_and(|input| rtc.accepts(&input));
            let Some(input) = input(source).filter(|_| is_ours) else {
                return false;
            };
            // An error is a packet that could not be used, by its sender's fault or the network's. If it ends the session,
            // that shows when it is polled, or in `failure`.
            let _ = rtc.handle_input(input);
            true
        })
    }

    /// Has the client served DTLS 1.2, unless its ClientHello has come already.
    pub(super) fn serve_older_dtls(&self) {
        self.keys.serve_older();
    }

    /// Whether the client is served the newest version of DTLS, by its ClientHello.
    pub(super) fn serves_newest_dtls(&self) -> bool {
        self.keys.serves_newest()
    }

    /// Why DTLS will never be done.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.keys.failure()
    }

    /// Tells the time, which also sends what was written.
    pub(super) fn advance(&mut self, now: Instant) -> Result<(), Fault> {
        self.enter(|rtc| {
            let _ = rtc.handle_input(Input::Timeout(now));
        })
    }

    /// What the session wants done next; `None` when it is over.
    pub(super) fn poll(&mut self, now: Instant) -> Result<Option<Said>, Fault> {
        let (at, is_alive) = loop {
            let (output, is_alive) = self.enter(|rtc| (rtc.poll_output(), rtc.is_alive()))?;
            match output {
                Ok(Output::Transmit(transmit)) => return Ok(Some(Said::Transmit(transmit))),
                Ok(Output::Event(Event::Connected)) => return Ok(Some(Said::Connected)),
                Ok(Output::Event(Event::Closed)) => return Ok(Some(Said::Closed)),
                Ok(Output::Event(_)) => {}
                Ok(Output::Timeout(at)) => break (Some(at), is_alive),
                Err(_) => break (None, is_alive),
            }
        };
        if let Some(packet) = self.keys.pop_packet() {
            // It gives one packet at a time.
            self.advance(now)?;
            return Ok(Some(Said::Dtls(packet)));
        }
        Ok(at.filter(|_| is_alive).map(Said::Wait))
    }

    /// Whether the time that it wants to be told next is one of ICE's.
    pub(super) fn waits_for_ice(&self) -> bool {
        self.rtc.last_timeout_reason() == Reason::Ice
    }

    /// Those of some SSRCs that were negotiated, with their m-lines and what they carry.
    pub(super) fn announced(&mut self, ssrcs: &[Ssrc]) -> Result<Vec<(Ssrc, Mid, Role)>, Fault> {
        self.enter(|rtc| {
            let mut api = rtc.direct_api();
            let mut streams = Vec::new();
            for ssrc in ssrcs {
                if let Some(stream) = api.stream_rx(ssrc) {
                    let line = stream.mid();
                    streams.push((*ssrc, line, Role::Main));
                    streams.extend(stream.rtx().map(|rtx| (rtx, line, Role::Repair(*ssrc))));
                }
            }
            streams
        })
    }

    /// The payload type under which the client takes a format on an m-line.
    pub(super) fn payload_for(&mut self, mid: Mid, source: &PayloadParams) -> Result<Option<Pt>, Fault> {
        self.enter(|rtc| {
            let accepted = rtc.media(mid)?.remote_pts();
            matching_payload(source, rtc.codec_config(), accepted)
        })
    }

    /// The codecs that the client takes on an m-line, in its order, each once.
    pub(super) fn accepted_codecs(&mut self, mid: Mid) -> Result<Vec<Codec>, Fault> {
        self.enter(|rtc| {
            let accepted = rtc.media(mid).map_or(&[][..], |media| media.remote_pts());
            let known = rtc.codec_config().params();
            let codec_of = |pt: &Pt| {
                known
                    .iter()
                    .find(|params| params.pt() == *pt)
                    .map(|params| params.spec().codec)
            };
            let mut codecs = Vec::new();
            for codec in accepted.iter().filter_map(codec_of) {
                if !codecs.contains(&codec) {
                    codecs.push(codec);
                }
            }
            codecs
        })
    }

    /// Takes an offer. The inner error is that it was refused: the session may be half changed by then.
    pub(super) fn accept_offer(&mut self, offer: SdpOffer) -> Result<Result<String, Refused>, Fault> {
        self.enter(|rtc| {
            let answer = rtc.sdp_api().accept_offer(offer).map_err(|_| Refused)?;
            Ok(answer.to_sdp_string())
        })
    }

    /// Takes an answer as an offer of what it agrees to: str0m uses the place of a rejected m-line again in offers of the
    /// client's, not in its own. The inner error is as in [`Self::accept_offer`].
    pub(super) fn accept_answer(&mut self, answer: SdpOffer) -> Result<Result<(), Refused>, Fault> {
        self.enter(|rtc| rtc.sdp_api().accept_offer(answer).map(drop).map_err(|_| Refused))
    }

    /// Makes an offer that says something new of an m-line, and adds others. It changes nothing until it is answered. `None`:
    /// there is nothing to offer.
    pub(super) fn make_offer(
        &mut self,
        changed: Option<Mid>,
        additions: &[Addition],
    ) -> Result<Option<RawOffer>, Fault> {
        self.enter(|rtc| {
            // str0m offers only what it takes for a change, and does not know what is sent.
            let changed = changed.and_then(|mid| Some((mid, rtc.media(mid)?.direction())));
            if let Some((mid, direction)) = changed {
                let other = match direction {
                    Direction::Inactive => Direction::RecvOnly,
                    _ => Direction::Inactive,
                };
                rtc.sdp_api().set_direction(mid, other);
            }
            let mut api = rtc.sdp_api();
            if let Some((mid, direction)) = changed {
                api.set_direction(mid, direction);
            }
            let add = |addition: &Addition| api.add_media(addition.kind, Direction::Inactive, None, None, None);
            let added = additions.iter().map(add).collect();
            let (offer, _) = api.apply()?;
            Some(RawOffer {
                sdp: offer.to_sdp_string(),
                added,
            })
        })
    }

    /// An SSRC that neither the session nor the client uses, as far as is known.
    pub(super) fn new_ssrc(&mut self) -> Result<u32, Fault> {
        self.enter(|rtc| *rtc.direct_api().new_ssrc())
    }

    /// Begins to close: queues what tells the client.
    pub(super) fn close(&mut self) {
        // A faulty session can tell nothing.
        let _ = self.enter(|rtc| rtc.close());
    }
}
