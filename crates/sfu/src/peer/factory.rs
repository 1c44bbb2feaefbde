//! Makes the sessions of peers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::{Sha1HmacProvider, from_feature_flags};
use str0m::format::{Codec, CodecConfig, FormatParams};
use str0m::media::Frequency;
use str0m::net::{Protocol, TcpType};
use str0m::{Candidate, Rtc, RtcConfig};

use super::WallClock;
use super::keys::watched;
use crate::config::{LocalCandidate, Transport};
use crate::rtp::dependency_descriptor;

/// The id of AV1's dependency descriptor in offers of the server's: one that str0m gives to no other extension.
const DESCRIPTOR_ID: u8 = 12;

/// Between reports of sessions, which are not sent: they see no media. Longer than any meeting.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Makes sessions that are alike: ICE-lite, one certificate for the shard, the codecs in the server's order of preference.
pub(crate) struct SessionFactory {
    certificate: Option<DtlsCert>,
    crypto: Arc<CryptoProvider>,
    candidates: Vec<LocalCandidate>,
    wall: WallClock,
}

impl SessionFactory {
    /// A factory of sessions that offer these candidates.
    pub(crate) fn new(candidates: Vec<LocalCandidate>, wall: WallClock) -> Self {
        let crypto = Arc::new(watched(from_feature_flags()));
        Self {
            certificate: crypto.dtls_provider.generate_certificate(),
            crypto,
            candidates,
            wall,
        }
    }

    /// A new session. VP8 is first: every client can send and decode it, and clients send the first codec.
    pub(crate) fn make(&self, now: Instant) -> Rtc {
        let mut config = RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_dtls_version(DtlsVersion::Auto)
            .set_rtcp_report_interval_audio(NEVER)
            .set_rtcp_report_interval_video(NEVER)
            .set_extension(DESCRIPTOR_ID, dependency_descriptor())
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true);
        add_formats(config.codec_config());
        if let Some(certificate) = &self.certificate {
            config = config.set_dtls_cert(certificate.clone());
        }
        let mut rtc = config.build(now);
        for candidate in &self.candidates {
            if let Some(candidate) = host(candidate) {
                rtc.add_local_candidate(candidate);
            }
        }
        rtc
    }

    /// The time of day, the same for all peers.
    pub(super) fn wall(&self) -> WallClock {
        self.wall
    }

    /// What computes the integrity of STUN messages.
    pub(super) fn hmac(&self) -> &'static dyn Sha1HmacProvider {
        self.crypto.sha1_hmac_provider
    }

    /// The candidate at which ICE takes a packet from that source to have arrived: behind a NAT or on a wildcard socket the
    /// real local address is not among the candidates.
    pub(crate) fn candidate_for(&self, transport: Transport, source: SocketAddr) -> Option<SocketAddr> {
        let mut alike = self
            .candidates
            .iter()
            .filter(|candidate| candidate.transport == transport);
        alike
            .clone()
            .find(|candidate| candidate.addr.is_ipv4() == source.is_ipv4())
            .or_else(|| alike.next())
            .map(|c| c.addr)
    }
}

/// Few formats, since each is listed on every m-line of every SDP: VP9 with 8 bits, and H.264 in packetization mode 1,
/// which every endpoint has to support (RFC 7742 section 6.2).
fn add_formats(codecs: &mut CodecConfig) {
    let profile_0 = FormatParams {
        profile_id: Some(0),
        ..Default::default()
    };
    codecs.add_config(
        98.into(),
        Some(99.into()),
        Codec::Vp9,
        Frequency::NINETY_KHZ,
        None,
        profile_0,
    );
    for (pt, rtx, profile_level_id) in [
        (108, 109, 0x42_e0_1f),
        (127, 121, 0x42_00_1f),
        (123, 119, 0x4d_00_1f),
        (114, 115, 0x64_00_1f),
    ] {
        codecs.add_h264(pt.into(), Some(rtx.into()), true, profile_level_id);
    }
    codecs.enable_av1(true);
}

fn host(candidate: &LocalCandidate) -> Option<Candidate> {
    let builder = Candidate::builder();
    let built = match candidate.transport {
        Transport::Udp => builder.udp().host(candidate.addr).build(),
        Transport::TcpPassive => builder.tcp().host(candidate.addr).tcptype(TcpType::Passive).build(),
    };
    // str0m refuses addresses that nobody can reach: unspecified, multicast, IPv4 link-local.
    built.ok()
}

/// str0m's name for a transport protocol.
pub(super) fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Udp => Protocol::Udp,
        Transport::TcpPassive => Protocol::Tcp,
    }
}
