//! DTLS 1.2 by OpenSSL, in the role of the server: for clients that offer nothing newer, since their certificates may have
//! keys of RSA, which str0m's own library does not verify. Time comes from outside, as everywhere in the core.

mod farewell;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use dimpl::CertificateError;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::srtp::SrtpProfileId;
use openssl::ssl::{
    Error as SslError, ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslRef, SslSessionCacheMode, SslStream,
    SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, X509StoreContextRef};
use str0m::config::DtlsCert;
use str0m::crypto::dtls::{DtlsImplError, DtlsInstance, DtlsOutput, KeyingMaterial, ProtocolVersion, SrtpProfile};
use zeroize::Zeroizing;

use super::keys::KeySlot;
use farewell::Farewell;

/// Those that WebRTC stacks have (RFC 8827 section 6.5). The server's own certificate is of ECDSA.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";
const GROUPS: &str = "X25519:P-256:P-384";
/// With what clients prove that a certificate is theirs.
const SIGNATURES: &str = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA+SHA256:RSA+SHA384";
const PROFILES: &str = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

/// The largest key of RSA: to verify by one takes a tenth of a millisecond, by larger ones milliseconds.
const MAX_KEY_BITS: u32 = 4_096;

/// Bytes of a packet, where the session does not say.
const MTU: usize = 1_200;

/// Bytes of a record at most (RFC 6347 section 4.1), for data that a client sends.
const MAX_RECORD: usize = 16_384;

/// The time until nothing happens.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// After so long without an answer, the last flight is sent again; then after twice as long each time.
const RESEND_AFTER: Duration = Duration::from_millis(500);
const MAX_RESEND_AFTER: Duration = Duration::from_secs(8);

/// Packets of one flight that are kept. There are four at most: the server's certificate is small.
const MAX_FLIGHT: usize = 16;

/// OpenSSL's numbers for why a client's certificate was not accepted.
const OF_CERTIFICATE: [i32; 2] = [134, 199];

/// What all sessions with one certificate share.
///
/// # Errors
/// The certificate cannot be used, or this build of OpenSSL lacks something.
pub(super) fn context(certificate: &DtlsCert) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::dtls_server())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_groups_list(GROUPS)?;
    builder.set_sigalgs_list(SIGNATURES)?;
    builder.set_tlsext_use_srtp(PROFILES)?;
    builder.set_certificate(X509::from_der(&certificate.certificate)?.as_ref())?;
    builder.set_private_key(PKey::private_key_from_der(&certificate.private_key)?.as_ref())?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    // Whose the certificate is, its fingerprint in the SDP tells (RFC 8122): no authority counts, nor a chain.
    builder.set_verify_depth(0);
    builder.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, |_, chain| {
        is_affordable(chain)
    });
    Ok(builder.build())
}

fn is_affordable(chain: &X509StoreContextRef) -> bool {
    let key = chain
        .current_cert()
        .and_then(|certificate| certificate.public_key().ok());
    key.is_some_and(|key| key.bits() <= MAX_KEY_BITS)
}

/// The datagrams of one session.
#[derive(Debug, Default)]
struct Wire {
    incoming: Option<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let datagram = self.incoming.take().ok_or(IoError::from(ErrorKind::WouldBlock))?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> IoResult<usize> {
        self.outgoing.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

/// How far a session is.
enum Stage {
    Handshaking(SslStream<Wire>, Flight),
    Up(SslStream<Wire>),
    /// The client has the keys, so that no flight can be asked for again.
    Settled(Farewell),
    /// It failed, or was closed by either side.
    Over,
}

/// What was sent last in a handshake. It is sent again until the client answers it.
#[derive(Default)]
struct Flight {
    packets: Vec<Vec<u8>>,
    /// Not known before the time is told.
    at: Option<Instant>,
    repeats: u32,
}

impl Flight {
    fn new(packets: impl Iterator<Item = Vec<u8>>) -> Self {
        Self {
            packets: packets.take(MAX_FLIGHT).collect(),
            ..Self::default()
        }
    }

    /// Tells the time. Gives the packets that are due again.
    fn pass(&mut self, now: Instant) -> &[Vec<u8>] {
        let is_due = self.at.is_some_and(|at| at <= now);
        if is_due {
            self.repeats += 1;
            self.at = None;
        }
        let after = RESEND_AFTER * 2_u32.saturating_pow(self.repeats);
        self.at.get_or_insert(now + after.min(MAX_RESEND_AFTER));
        if is_due { &self.packets } else { &[] }
    }
}

/// What the session has to say, beside packets.
enum Said {
    Connected,
    Certificate(Vec<u8>),
    Keys(Zeroizing<Vec<u8>>, SrtpProfile),
    Data(Vec<u8>),
    Closed,
}

/// One session.
pub(super) struct Dtls12Server {
    stage: Stage,
    outgoing: VecDeque<Vec<u8>>,
    said: VecDeque<Said>,
    /// Where it shows that the client has the keys.
    slot: KeySlot,
    now: Instant,
}

// A session whose use panicked is not entered again.
impl UnwindSafe for Dtls12Server {}
impl RefUnwindSafe for Dtls12Server {}

impl std::fmt::Debug for Dtls12Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dtls12Server").finish_non_exhaustive()
    }
}

impl Dtls12Server {
    /// A session that waits for its ClientHello.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn new(
        context: &SslContext,
        slot: KeySlot,
        now: Instant,
        mtu: Option<usize>,
    ) -> Result<Self, ErrorStack> {
        let mut ssl = Ssl::new(context)?;
        ssl.set_accept_state();
        ssl.set_mtu(mtu.unwrap_or(MTU) as u32)?;
        Ok(Self {
            stage: Stage::Handshaking(SslStream::new(ssl, Wire::default())?, Flight::default()),
            outgoing: VecDeque::new(),
            said: VecDeque::new(),
            slot,
            now,
        })
    }

    fn shake_hands(&mut self, mut stream: SslStream<Wire>, flight: Flight) -> Result<(), DtlsImplError> {
        let shaken = stream.do_handshake();
        let sent = std::mem::take(&mut stream.get_mut().outgoing);
        self.outgoing.extend(sent.iter().cloned());
        match shaken {
            Ok(()) => {
                self.established(stream.ssl())?;
                self.stage = Stage::Up(stream);
                Ok(())
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => {
                // What is sent now answers what came.
                let flight = if sent.is_empty() {
                    flight
                } else {
                    Flight::new(sent.into_iter())
                };
                self.stage = Stage::Handshaking(stream, flight);
                Ok(())
            }
            Err(error) => Err(reason(&error)),
        }
    }

    /// Says what the handshake has come to: keys only where both have a profile of SRTP.
    fn established(&mut self, ssl: &SslRef) -> Result<(), DtlsImplError> {
        let certificate = ssl.peer_certificate().and_then(|certificate| certificate.to_der().ok());
        let missing = CertificateError::NoClientCertificateReceived;
        let certificate = certificate.ok_or(DtlsImplError::CertificateError(missing))?;
        self.said.extend([Said::Certificate(certificate), Said::Connected]);
        let profile = ssl.selected_srtp_profile().and_then(|profile| known(profile.id()));
        self.said.extend(profile.and_then(|profile| exported(ssl, profile)));
        Ok(())
    }

    /// Reads what the client says after the handshake: data, its last flight once more, which OpenSSL answers, or that it
    /// closes.
    fn listen(&mut self, mut stream: SslStream<Wire>) {
        let mut data = [0; MAX_RECORD];
        let ended = loop {
            match stream.ssl_read(&mut data) {
                Ok(length) => self.said.push_back(Said::Data(data[..length].to_vec())),
                Err(error) => break error,
            }
        };
        if ended.code() != ErrorCode::WANT_READ {
            self.said.push_back(Said::Closed);
        }
        self.outgoing.append(&mut stream.get_mut().outgoing);
        self.stage = Stage::Up(stream);
    }

    /// Lets OpenSSL's session go, once the client has sent something by the keys.
    fn settle(&mut self) {
        if let Stage::Up(stream) = &mut self.stage
            && self.slot.is_proven()
            && let Some(farewell) = Farewell::of(stream)
        {
            self.stage = Stage::Settled(farewell);
        }
    }

    /// When the last flight is due again.
    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Handshaking(_, flight) if !flight.packets.is_empty() => Some(flight.at.unwrap_or(self.now)),
            _ => None,
        }
    }
}

impl DtlsInstance for Dtls12Server {
    fn set_active(&mut self, active: bool) {
        debug_assert!(!active, "it is only ever the server");
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Handshaking(mut stream, flight) => {
                stream.get_mut().incoming = Some(packet.to_vec());
                return self.shake_hands(stream, flight);
            }
            Stage::Up(mut stream) => {
                stream.get_mut().incoming = Some(packet.to_vec());
                self.listen(stream);
            }
            Stage::Settled(farewell) => {
                self.said.extend(farewell.is_said_by(packet).then_some(Said::Closed));
                self.stage = Stage::Settled(farewell);
            }
            Stage::Over => {}
        }
        Ok(())
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.settle();
        if let Some(packet) = self.outgoing.pop_front() {
            return fill(buf, &packet, DtlsOutput::Packet);
        }
        match self.said.pop_front() {
            Some(Said::Connected) => DtlsOutput::Connected,
            Some(Said::Certificate(certificate)) => fill(buf, &certificate, DtlsOutput::PeerCert),
            Some(Said::Keys(keys, profile)) => DtlsOutput::KeyingMaterial(KeyingMaterial::new(&keys), profile),
            Some(Said::Data(data)) => fill(buf, &data, DtlsOutput::ApplicationData),
            Some(Said::Closed) => DtlsOutput::CloseNotify,
            None => DtlsOutput::Timeout(self.deadline().unwrap_or(self.now + NEVER)),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        if let Stage::Handshaking(_, flight) = &mut self.stage {
            self.outgoing.extend(flight.pass(now).iter().cloned());
        }
        Ok(())
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        match &mut self.stage {
            Stage::Handshaking(..) | Stage::Settled(_) => Ok(0),
            Stage::Up(stream) => {
                let written = stream.ssl_write(data);
                self.outgoing.append(&mut stream.get_mut().outgoing);
                written.map_err(|_| DtlsImplError::ConnectionClosed)
            }
            Stage::Over => Err(DtlsImplError::ConnectionClosed),
        }
    }

    fn is_active(&self) -> bool {
        false
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        Some(ProtocolVersion::DTLS1_2)
    }

    fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    fn is_closed(&self) -> bool {
        self.is_closing() && self.outgoing.is_empty()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        // A client that does not hear it notices by silence.
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Up(mut stream) => {
                let _ = stream.shutdown();
                self.outgoing.append(&mut stream.get_mut().outgoing);
            }
            Stage::Settled(farewell) => farewell.say(&mut self.outgoing),
            Stage::Handshaking(..) | Stage::Over => {}
        }
        Ok(())
    }
}

/// Copies what there is to say. What does not fit is lost: no session takes so much.
fn fill<'a>(buf: &'a mut [u8], bytes: &[u8], output: impl FnOnce(&'a [u8]) -> DtlsOutput<'a>) -> DtlsOutput<'a> {
    let needed = bytes.len();
    match buf.get_mut(..needed) {
        Some(place) => {
            place.copy_from_slice(bytes);
            output(place)
        }
        None => DtlsOutput::BufferTooSmall { needed },
    }
}

/// The keys of SRTP (RFC 5764 section 4.2).
fn exported(ssl: &SslRef, profile: SrtpProfile) -> Option<Said> {
    let mut keys = Zeroizing::new(vec![0; profile.keying_material_len()]);
    let exported = ssl.export_keying_material(&mut keys, "EXTRACTOR-dtls_srtp", None);
    exported.ok().map(|()| Said::Keys(keys, profile))
}

fn known(profile: SrtpProfileId) -> Option<SrtpProfile> {
    match profile {
        SrtpProfileId::SRTP_AES128_CM_SHA1_80 => Some(SrtpProfile::AES128_CM_SHA1_80),
        SrtpProfileId::SRTP_AEAD_AES_128_GCM => Some(SrtpProfile::AEAD_AES_128_GCM),
        SrtpProfileId::SRTP_AEAD_AES_256_GCM => Some(SrtpProfile::AEAD_AES_256_GCM),
        _ => None,
    }
}

/// Why a handshake failed.
fn reason(error: &SslError) -> DtlsImplError {
    let errors = error.ssl_error().map(ErrorStack::errors).unwrap_or_default();
    let is_of_certificate = errors.iter().any(|error| OF_CERTIFICATE.contains(&error.reason_code()));
    match is_of_certificate {
        true => DtlsImplError::CertificateError(CertificateError::NoClientCertificateReceived),
        false => DtlsImplError::ConnectionClosed,
    }
}
