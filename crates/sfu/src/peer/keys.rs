//! What the peer gets from DTLS: the keys of SRTP, by which it alone seals and opens packets, so that the session never gets
//! them, and makes neither ciphers nor packets; why it failed; and its packets, which the session would keep until the client
//! has nominated an address (RFC 8445 section 8.1.1), while the peer sends them as soon as one is verified. Clients that have
//! nothing newer than DTLS 1.2 are served by [`Dtls12Server`].
//!
//! All sessions share one configuration of DTLS: to make one checks every algorithm by doing it, which takes a millisecond.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dimpl::UnexpectedMessageError::UnrecognizedAutoServerResponse;
use dimpl::{CryptoError as Crypto, Dtls, DtlsCertificate, SecurityError};
use openssl::ssl::SslContext;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile};

use super::dtls12::{self, Dtls12Server};
use super::hello::{Offer, offer};
use crate::srtp::{MasterKeys, Profile};

/// Why there will never be keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client has no certificate that can be verified.
    Certificate,
    /// It and the server have nothing in common, or it gave up.
    Handshake,
    /// They have no profile of SRTP in common, in any version of DTLS.
    Profile,
}

/// What DTLS has come to.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Handshaking,
    /// The handshake is done. If there are keys, they come next.
    Shaken,
    Done(MasterKeys),
    /// The keys were taken.
    Taken,
    /// The client has sent something by them.
    Proven,
    Failed(Failure),
}

/// What serves the client, where it begins the handshake.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Backend {
    /// What its ClientHello asks for.
    #[default]
    ByHello,
    /// The newest version: its ClientHello has come.
    Newest,
    /// DTLS 1.2.
    Older,
}

/// The state that a peer and the DTLS of its session share.
#[derive(Debug, Default)]
struct Shown {
    progress: Progress,
    backend: Backend,
    /// To be sent: no more than the flights of one handshake, as the peer takes them whenever the session has been polled.
    packets: VecDeque<Vec<u8>>,
}

/// Where the keys and the packets of one session's DTLS come.
#[derive(Debug, Default, Clone)]
pub(super) struct KeySlot(Arc<Mutex<Shown>>);

impl KeySlot {
    fn state(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the client served DTLS 1.2, unless its ClientHello has come already.
    pub(super) fn serve_older(&self) {
        let backend = &mut self.state().backend;
        if *backend == Backend::ByHello {
            *backend = Backend::Older;
        }
    }

    /// Whether the client is served the newest version, by its ClientHello.
    pub(super) fn serves_newest(&self) -> bool {
        self.state().backend == Backend::Newest
    }

    /// The next packet to send.
    pub(super) fn pop_packet(&self) -> Option<Vec<u8>> {
        self.state().packets.pop_front()
    }

    /// Decides by a ClientHello whether the client is served DTLS 1.2.
    fn decide(&self, hello: Offer) -> bool {
        let backend = &mut self.state().backend;
        if *backend == Backend::ByHello {
            *backend = match hello {
                Offer::Before13 => Backend::Older,
                Offer::Incomplete | Offer::Other => Backend::Newest,
            };
        }
        *backend == Backend::Older
    }

    /// Takes the keys, when DTLS has them.
    pub(super) fn take(&self) -> Option<MasterKeys> {
        let progress = &mut self.state().progress;
        match std::mem::replace(progress, Progress::Taken) {
            Progress::Done(keys) => Some(keys),
            other => {
                *progress = other;
                None
            }
        }
    }

    /// The client has sent something by the keys.
    pub(super) fn prove(&self) {
        let progress = &mut self.state().progress;
        if matches!(progress, Progress::Taken) {
            *progress = Progress::Proven;
        }
    }

    /// Whether the client has sent something by the keys.
    pub(super) fn is_proven(&self) -> bool {
        matches!(self.state().progress, Progress::Proven)
    }

    /// Why there will be none.
    pub(super) fn failure(&self) -> Option<Failure> {
        match self.state().progress {
            Progress::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    fn put(&self, keys: MasterKeys) {
        self.state().progress = Progress::Done(keys);
    }

    /// The handshake is done.
    fn shake(&self) {
        let progress = &mut self.state().progress;
        if matches!(progress, Progress::Handshaking) {
            *progress = Progress::Shaken;
        }
    }

    /// DTLS goes on with something else than keys: if the handshake is done, none will come.
    fn go_on(&self) {
        let progress = &mut self.state().progress;
        if matches!(progress, Progress::Shaken) {
            *progress = Progress::Failed(Failure::Profile);
        }
    }

    /// A packet could not be used. After the handshake that means nothing.
    fn note(&self, error: &DtlsImplError, packet: &[u8]) {
        let progress = &mut self.state().progress;
        // A client that is the server, and shares no cipher suite, says so first of all.
        let is_refused =
            *error == DtlsImplError::UnexpectedMessage(UnrecognizedAutoServerResponse) && is_fatal_alert(packet);
        let failure = failure(error).or(is_refused.then_some(Failure::Handshake));
        if let (Progress::Handshaking, Some(failure)) = (&*progress, failure) {
            *progress = Progress::Failed(failure);
        }
    }
}

/// Whether a packet is an alert that ends a handshake, in the clear (RFC 6347 section 4.1, RFC 5246 section 7.2).
fn is_fatal_alert(packet: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    matches!(packet, [ALERT, _, _, 0, 0, ..]) && packet.get(13) == Some(&FATAL)
}

/// What an error says for good. Others are of a packet that is no use, by its sender's fault or the network's.
fn failure(error: &DtlsImplError) -> Option<Failure> {
    match error {
        DtlsImplError::CertificateError(_)
        | DtlsImplError::CryptoError(
            Crypto::CertificateParseFailed
            | Crypto::InvalidEcCurveParameter
            | Crypto::InvalidSubjectPublicKey
            | Crypto::MissingEcCurveParameter
            | Crypto::SignatureVerificationFailed { .. }
            | Crypto::UnsupportedEcCurve
            | Crypto::UnsupportedPublicKeyAlgorithm
            | Crypto::UnsupportedSignatureVerification { .. },
        )
        | DtlsImplError::SecurityError(
            SecurityError::SignatureSchemeCertificateCurveMismatch { .. } | SecurityError::SignatureSchemeNotOffered(_),
        ) => Some(Failure::Certificate),
        DtlsImplError::ConnectionClosed
        | DtlsImplError::SecurityError(
            SecurityError::FatalAlert { .. }
            | SecurityError::NoCommonCipherSuite
            | SecurityError::NoCommonKeyExchangeGroup
            | SecurityError::NoMutuallyAcceptableCipherSuite,
        ) => Some(Failure::Handshake),
        _ => None,
    }
}

thread_local! {
    /// That of the session made last on this thread.
    static LATEST: RefCell<Option<KeySlot>> = const { RefCell::new(None) };
}

/// The slot of the session that this thread has just made.
pub(super) fn slot_of_latest() -> KeySlot {
    LATEST.take().unwrap_or_default()
}

/// Makes a provider's sessions give their keys away. Called once for each shard, for the rest of the process: providers are
/// `'static`.
pub(super) fn watched(provider: CryptoProvider) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: Box::leak(Box::new(Watched {
            inner: provider.dtls_provider,
            shared: Mutex::default(),
        })),
        ..provider
    }
}

struct Watched {
    inner: &'static dyn DtlsProvider,
    /// `None` before the first session.
    shared: Mutex<Option<Shared>>,
}

/// What all sessions have in common: certificate and MTU are the same for all.
#[derive(Clone)]
struct Shared {
    config: Arc<dimpl::Config>,
    /// For clients that have nothing newer than DTLS 1.2.
    context: SslContext,
}

impl Shared {
    /// As str0m's own provider configures it: ICE has verified the client's address, so there is no cookie.
    fn new(certificate: &DtlsCert, mtu: Option<usize>) -> Result<Self, CryptoError> {
        let failed = |error: &dyn std::fmt::Display| CryptoError::Other(error.to_string());
        let mut builder = dimpl::Config::builder().use_server_cookie(false);
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        Ok(Self {
            config: Arc::new(builder.build().map_err(|error| failed(&error))?),
            context: dtls12::context(certificate).map_err(|error| failed(&error))?,
        })
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watched").field(&self.inner).finish()
    }
}

// What is shared is never changed once it is there.
impl UnwindSafe for Watched {}
impl RefUnwindSafe for Watched {}

impl Watched {
    fn shared(&self, certificate: &DtlsCert, mtu: Option<usize>) -> Result<Shared, CryptoError> {
        let mut known = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(shared) => Ok(shared.clone()),
            None => Ok(known.insert(Shared::new(certificate, mtu)?).clone()),
        }
    }
}

impl DtlsProvider for Watched {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if version != DtlsVersion::Auto {
            return Err(CryptoError::Other(format!(
                "sessions find out their version, not {version}"
            )));
        }
        let Shared { config, context } = self.shared(cert, mtu)?;
        let certificate = DtlsCertificate {
            certificate: cert.certificate.clone(),
            private_key: cert.private_key.clone(),
        };
        let inner = Box::new(Newest(Dtls::new_auto(config, certificate, now)));
        let slot = KeySlot::default();
        LATEST.set(Some(slot.clone()));
        Ok(Box::new(WatchedInstance {
            inner,
            now,
            before_hello: Some(BeforeHello {
                context,
                mtu,
                packets: Vec::new(),
            }),
            slot,
        }))
    }

    fn is_test(&self) -> bool {
        self.inner.is_test()
    }
}

/// The session of a client that has DTLS 1.3, and of one that has not said anything yet.
struct Newest(Dtls);

impl std::fmt::Debug for Newest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Newest").finish_non_exhaustive()
    }
}

impl DtlsInstance for Newest {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

/// Packets in which a ClientHello comes at most; after that, the session may make of them what it can.
const MAX_FRAGMENTS: usize = 16;

/// What makes the session of a client that has nothing newer than DTLS 1.2.
struct BeforeHello {
    context: SslContext,
    mtu: Option<usize>,
    /// What has come of the ClientHello.
    packets: Vec<Vec<u8>>,
}

impl UnwindSafe for BeforeHello {}
impl RefUnwindSafe for BeforeHello {}

impl std::fmt::Debug for BeforeHello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BeforeHello").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WatchedInstance {
    inner: Box<dyn DtlsInstance>,
    /// The client's ClientHello is not there yet.
    before_hello: Option<BeforeHello>,
    now: Instant,
    slot: KeySlot,
}

impl WatchedInstance {
    /// The client's ClientHello decides by what it is served. Gives the packets to take now.
    fn choose(&mut self, packet: &[u8]) -> Result<Vec<Vec<u8>>, DtlsImplError> {
        // The session starts itself with an empty packet.
        let is_undecided = !packet.is_empty() && !self.inner.is_active();
        let Some(before) = self.before_hello.as_mut().filter(|_| is_undecided) else {
            return Ok(vec![packet.to_vec()]);
        };
        before.packets.push(packet.to_vec());
        let offer = offer(&before.packets);
        if offer == Offer::Incomplete && before.packets.len() < MAX_FRAGMENTS {
            return Ok(Vec::new());
        }
        let packets = std::mem::take(&mut before.packets);
        if self.slot.decide(offer) {
            let server = Dtls12Server::new(&before.context, self.slot.clone(), self.now, before.mtu);
            self.inner = Box::new(server.map_err(|_| DtlsImplError::ConnectionClosed)?);
        }
        self.before_hello = None;
        Ok(packets)
    }
}

impl DtlsInstance for WatchedInstance {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        let packets = self.choose(packet)?;
        let mut packets = packets.iter();
        let taken = packets.try_for_each(|packet| self.inner.handle_packet(packet));
        taken.inspect_err(|error| self.slot.note(error, packet))
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buf);
        if !matches!(output, DtlsOutput::KeyingMaterial(..)) {
            self.slot.go_on();
        }
        match output {
            DtlsOutput::Packet(packet) => self.slot.state().packets.push_back(packet.to_vec()),
            DtlsOutput::KeyingMaterial(material, profile) => {
                let split = |profile| MasterKeys::split(profile, material.as_ref(), self.inner.is_active());
                if let Some(keys) = known(profile).and_then(split) {
                    self.slot.put(keys);
                }
            }
            DtlsOutput::Connected => {
                self.slot.shake();
                return DtlsOutput::Connected;
            }
            other => return other,
        }
        // There may be more to say: the session is to ask again at once.
        DtlsOutput::Timeout(self.now)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

fn known(profile: SrtpProfile) -> Option<Profile> {
    if profile == SrtpProfile::AES128_CM_SHA1_80 {
        Some(Profile::Aes128CmSha1_80)
    } else if profile == SrtpProfile::AEAD_AES_128_GCM {
        Some(Profile::AeadAes128Gcm)
    } else if profile == SrtpProfile::AEAD_AES_256_GCM {
        Some(Profile::AeadAes256Gcm)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use str0m::crypto::dtls::KeyingMaterial;

    use super::*;

    /// What DTLS says when a handshake is done.
    #[derive(Debug, Clone, Copy)]
    enum Saying {
        Connected,
        Keys,
        Packet,
    }

    #[derive(Debug)]
    struct Done(VecDeque<Saying>);

    impl DtlsInstance for Done {
        fn set_active(&mut self, _: bool) {}

        fn handle_packet(&mut self, _: &[u8]) -> Result<(), DtlsImplError> {
            Ok(())
        }

        fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
            let profile = SrtpProfile::AEAD_AES_128_GCM;
            match self.0.pop_front() {
                Some(Saying::Connected) => DtlsOutput::Connected,
                Some(Saying::Keys) => {
                    DtlsOutput::KeyingMaterial(KeyingMaterial::new(&vec![1; profile.keying_material_len()]), profile)
                }
                Some(Saying::Packet) => DtlsOutput::Packet(buf),
                None => DtlsOutput::Timeout(Instant::now()),
            }
        }

        fn handle_timeout(&mut self, _: Instant) -> Result<(), DtlsImplError> {
            Ok(())
        }

        fn send_application_data(&mut self, _: &[u8]) -> Result<usize, DtlsImplError> {
            Ok(0)
        }

        fn is_active(&self) -> bool {
            false
        }

        fn protocol_version(&self) -> Option<ProtocolVersion> {
            Some(ProtocolVersion::DTLS1_3)
        }

        fn close(&mut self) -> Result<(), DtlsImplError> {
            Ok(())
        }
    }

    #[test]
    fn a_handshake_without_keys_has_failed_before_anything_else_is_said() {
        use Saying::{Connected, Keys, Packet};
        for (sayings, failure) in [
            (&[Connected, Keys, Packet][..], None),
            // A server of DTLS 1.3 acknowledges the client's last flight.
            (&[Connected, Packet], Some(Failure::Profile)),
            (&[Connected], Some(Failure::Profile)),
            (&[Packet], None),
        ] {
            let slot = KeySlot::default();
            let mut dtls = WatchedInstance {
                inner: Box::new(Done(sayings.iter().copied().collect())),
                before_hello: None,
                now: Instant::now(),
                slot: slot.clone(),
            };
            for _ in 0..2 {
                dtls.poll_output(&mut [0; 20]);
            }
            assert_eq!(slot.failure(), failure, "{sayings:?}");
            assert_eq!(slot.take().is_some(), sayings.len() == 3);
        }
    }
}
