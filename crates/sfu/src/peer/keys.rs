//! The keys of SRTP on their way from DTLS: the session gets them as ever, and the peer a copy. Where DTLS fails, the peer
//! is told why. Clients that have nothing newer than DTLS 1.2 are served by [`Dtls12Server`].
//!
//! All sessions share one configuration of DTLS: to make one checks every algorithm by doing it, which takes a millisecond.
//!
//! Packets are sealed and opened by the peer alone, so the session has no ciphers: what it is to seal is only copied.

use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dimpl::UnexpectedMessageError::UnrecognizedAutoServerResponse;
use dimpl::{CryptoError as Crypto, Dtls, DtlsCertificate, SecurityError};
use openssl::ssl::SslContext;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

use super::dtls12::{self, Dtls12Server};
use super::hello::{Offer, offer};
use crate::srtp::{MasterKeys, Profile};

/// The keys of one session, and the profile that was negotiated.
pub(super) type Keys = (Profile, MasterKeys);

/// Why there will never be keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client has no certificate that can be verified.
    Certificate,
    /// It and the server have nothing in common, or it gave up.
    Handshake,
}

/// What DTLS has come to.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Handshaking,
    Done(Keys),
    /// The keys were taken.
    Taken,
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

/// Where the keys of one session come.
#[derive(Debug, Default, Clone)]
pub(super) struct KeySlot(Arc<Mutex<(Progress, Backend)>>);

impl KeySlot {
    fn state(&self) -> MutexGuard<'_, (Progress, Backend)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the client served DTLS 1.2, unless its ClientHello has come already.
    pub(super) fn serve_older(&self) {
        let mut state = self.state();
        let backend = &mut state.1;
        if *backend == Backend::ByHello {
            *backend = Backend::Older;
        }
    }

    /// Whether the client is served the newest version, by its ClientHello.
    pub(super) fn serves_newest(&self) -> bool {
        self.state().1 == Backend::Newest
    }

    /// Decides by a ClientHello whether the client is served DTLS 1.2.
    fn decide(&self, hello: Offer) -> bool {
        let mut state = self.state();
        let backend = &mut state.1;
        if *backend == Backend::ByHello {
            *backend = match hello {
                Offer::Before13 => Backend::Older,
                Offer::Incomplete | Offer::Other => Backend::Newest,
            };
        }
        *backend == Backend::Older
    }

    /// Takes the keys, when DTLS has them.
    pub(super) fn take(&self) -> Option<Keys> {
        let mut state = self.state();
        let progress = &mut state.0;
        match std::mem::replace(progress, Progress::Taken) {
            Progress::Done(keys) => Some(keys),
            other => {
                *progress = other;
                None
            }
        }
    }

    /// Why there will be none.
    pub(super) fn failure(&self) -> Option<Failure> {
        match self.state().0 {
            Progress::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    fn put(&self, keys: Keys) {
        self.state().0 = Progress::Done(keys);
    }

    /// A packet could not be used. After the handshake that means nothing.
    fn note(&self, error: &DtlsImplError, packet: &[u8]) {
        let mut state = self.state();
        let progress = &mut state.0;
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

/// Makes a provider's sessions show their keys, and seal nothing. Called once for each shard, for
/// the rest of the process: providers are `'static`.
pub(super) fn watched(provider: CryptoProvider) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: Box::leak(Box::new(Watched {
            inner: provider.dtls_provider,
            shared: Mutex::default(),
        })),
        srtp_provider: Box::leak(Box::new(Unsealed(provider.srtp_provider))),
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
            before_hello: Some(BeforeHello {
                context,
                now,
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
    now: Instant,
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
            let server = Dtls12Server::new(&before.context, before.now, before.mtu);
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
        if let DtlsOutput::KeyingMaterial(material, profile) = &output
            && let Some(profile) = known(*profile)
            && let Some(keys) = MasterKeys::split(profile, material.as_ref(), self.inner.is_active())
        {
            self.slot.put((profile, keys));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        if let Some(before) = &mut self.before_hello {
            before.now = now;
        }
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

/// No ciphers: packets are sealed and opened by the peer alone. What the session says of its own, of which only goodbyes are
/// sent, it gives out as it is.
#[derive(Debug)]
struct Unsealed(&'static dyn SrtpProvider);

impl SrtpProvider for Unsealed {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Copies
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Copies
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Copies
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        self.0.srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        self.0.srtp_aes_256_ecb_round(key, input, output);
    }
}

/// In place of a cipher: its output is what it was given.
#[derive(Debug)]
struct Copies;

impl SupportedAes128CmSha1_80 for Copies {
    fn create_cipher(&self, _: [u8; 16], _: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Copies)
    }
}

impl SupportedAeadAes128Gcm for Copies {
    fn create_cipher(&self, _: [u8; 16], _: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Copies)
    }
}

impl SupportedAeadAes256Gcm for Copies {
    fn create_cipher(&self, _: [u8; 32], _: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Copies)
    }
}

impl Copies {
    fn copy(input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let output = output.get_mut(..input.len());
        let output = output.ok_or_else(|| CryptoError::Other("no room".into()))?;
        output.copy_from_slice(input);
        Ok(())
    }

    /// No packet is brought to the session.
    fn refuse<T>() -> Result<T, CryptoError> {
        Err(CryptoError::Other("packets are opened by the peer".into()))
    }
}

impl Aes128CmSha1_80Cipher for Copies {
    fn encrypt(&mut self, _: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        Self::copy(input, output)
    }

    fn decrypt(&mut self, _: &[u8; 16], _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Self::refuse()
    }
}

impl AeadAes128GcmCipher for Copies {
    fn encrypt(&mut self, _: &[u8; 12], _: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        Self::copy(input, output)
    }

    fn decrypt(&mut self, _: &[u8; 12], _: &[&[u8]], _: &[u8], _: &mut [u8]) -> Result<usize, CryptoError> {
        Self::refuse()
    }
}

impl AeadAes256GcmCipher for Copies {
    fn encrypt(&mut self, _: &[u8; 12], _: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        Self::copy(input, output)
    }

    fn decrypt(&mut self, _: &[u8; 12], _: &[&[u8]], _: &[u8], _: &mut [u8]) -> Result<usize, CryptoError> {
        Self::refuse()
    }
}
