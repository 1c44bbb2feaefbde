//! A str0m session. A panic inside it is confined to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::Receive;
use str0m::rtp::Ssrc;
use str0m::{IceCreds, Input, Output, Rtc};

use super::factory::protocol;
use super::formats::Role;
use super::keys::{Failure, KeySlot, Keys};
use crate::config::Transport;
use crate::line::Label;
use crate::rtp::matching_payload;
use crate::sdp::IceCredentials;

/// An address that nothing comes from.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The session panicked. It is not entered again: its state may be inconsistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault;

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
    pub(super) pending: SdpPendingOffer,
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
    pub(super) fn take_keys(&self) -> Option<Keys> {
        self.keys.take()
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
    pub(super) fn poll(&mut self) -> Result<Option<Output>, Fault> {
        self.enter(|rtc| match rtc.poll_output() {
            Ok(output) if rtc.is_alive() => Some(output),
            Ok(output @ (Output::Transmit(_) | Output::Event(_))) => Some(output),
            _ => None,
        })
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

    /// Takes an offer. The inner error is str0m's: the session may be half changed by then.
    pub(super) fn accept_offer(&mut self, offer: SdpOffer) -> Result<Result<String, String>, Fault> {
        self.enter(|rtc| {
            let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| error.to_string())?;
            Ok(answer.to_sdp_string())
        })
    }

    /// Takes an answer. The inner error is as in [`Self::accept_offer`].
    pub(super) fn accept_answer(
        &mut self,
        pending: SdpPendingOffer,
        answer: SdpAnswer,
    ) -> Result<Result<(), String>, Fault> {
        self.enter(|rtc| {
            let api = rtc.sdp_api();
            api.accept_answer(pending, answer).map_err(|error| error.to_string())
        })
    }

    /// Makes an offer that changes whether the server sends on some m-lines, and adds others. `None`: nothing changes.
    pub(super) fn make_offer(
        &mut self,
        changes: &[(Mid, bool)],
        additions: &[Addition],
    ) -> Result<Option<RawOffer>, Fault> {
        // str0m offers only what it takes for a change: its own direction may be the wanted one already, without the
        // client knowing.
        for (mid, sends) in changes {
            self.set_sending(*mid, !sends)?;
        }
        self.enter(|rtc| {
            let mut api = rtc.sdp_api();
            for (mid, sends) in changes {
                api.set_direction(*mid, direction(*sends));
            }
            let add = |addition: &Addition| {
                // What str0m is given as the track's id becomes the CNAME; `a=msid` is written when the SDP is finished.
                let (stream, cname) = (addition.label.stream.clone(), addition.label.cname().to_owned());
                api.add_media(addition.kind, Direction::SendOnly, Some(stream), Some(cname), None)
            };
            let added = additions.iter().map(add).collect();
            let (offer, pending) = api.apply()?;
            Some(RawOffer {
                sdp: offer.to_sdp_string(),
                pending,
                added,
            })
        })
    }

    /// Sets whether the session sends on an m-line, without an offer.
    pub(super) fn set_sending(&mut self, mid: Mid, sends: bool) -> Result<(), Fault> {
        self.enter(|rtc| rtc.sdp_api().set_direction(mid, direction(sends)))
    }

    /// Begins to close: queues what tells the client.
    pub(super) fn close(&mut self) {
        // A faulty session can tell nothing.
        let _ = self.enter(|rtc| rtc.close());
    }
}

fn direction(sends: bool) -> Direction {
    if sends {
        Direction::SendOnly
    } else {
        Direction::Inactive
    }
}
