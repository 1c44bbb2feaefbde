//! A client's DTLS as OpenSSL has it: 1.2, with a certificate and SRTP profiles of the test's choice.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslRef, SslStream, SslVerifyMode};
use openssl::x509::X509;
use str0m::RtcConfig;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, KeyingMaterial, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, from_feature_flags};

/// The key of a client's certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// P-256.
    Ecdsa,
    /// So many bits.
    Rsa(u32),
    /// It sends no certificate.
    None,
}

/// What DTLS has exported for SRTP, once it has.
pub(crate) type Exported = Arc<Mutex<Option<Vec<u8>>>>;

/// The configuration of a client with such a key, which offers one SRTP profile.
pub(crate) fn config(key: Key, profile: SrtpProfile) -> RtcConfig {
    config_with_keys(key, profile).0
}

/// The same of a client whose one SRTP profile nobody else has.
pub(crate) fn config_in_vain(key: Key) -> RtcConfig {
    config_of(key, None).0
}

/// As [`config`], and where the client's keys of SRTP come.
pub(crate) fn config_with_keys(key: Key, profile: SrtpProfile) -> (RtcConfig, Exported) {
    config_of(key, Some(profile))
}

fn config_of(key: Key, profile: Option<SrtpProfile>) -> (RtcConfig, Exported) {
    let exported = Exported::default();
    let provider = Provider {
        key,
        profile,
        exported: Arc::clone(&exported),
    };
    let provider = CryptoProvider {
        dtls_provider: Box::leak(Box::new(provider)),
        ..from_feature_flags()
    };
    (RtcConfig::new().set_crypto_provider(Arc::new(provider)), exported)
}

#[derive(Debug)]
struct Provider {
    key: Key,
    profile: Option<SrtpProfile>,
    exported: Exported,
}

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        let key = self.key.generate();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Some(DtlsCert {
            certificate: builder.build().to_der().unwrap(),
            private_key: key.private_key_to_der().unwrap(),
        })
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        _: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
        let profile = match self.profile {
            Some(SrtpProfile::AEAD_AES_256_GCM) => "SRTP_AEAD_AES_256_GCM",
            Some(SrtpProfile::AEAD_AES_128_GCM) => "SRTP_AEAD_AES_128_GCM",
            Some(_) => "SRTP_AES128_CM_SHA1_80",
            None => "SRTP_AES128_CM_SHA1_32",
        };
        context.set_tlsext_use_srtp(profile).unwrap();
        context.set_options(SslOptions::NO_QUERY_MTU);
        // As webrtcbin has it: with so many ciphers the ClientHello comes in fragments.
        context.set_cipher_list("ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH").unwrap();
        context.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        if !matches!(self.key, Key::None) {
            context
                .set_certificate(&X509::from_der(&cert.certificate).unwrap())
                .unwrap();
            context
                .set_private_key(&PKey::private_key_from_der(&cert.private_key).unwrap())
                .unwrap();
        }
        let (context, mtu) = (
            context.build(),
            if matches!(self.key, Key::Rsa(_)) { 256 } else { 1_200 },
        );
        let role = |set: fn(&mut SslRef)| {
            let mut ssl = Ssl::new(&context).unwrap();
            set(&mut ssl);
            ssl.set_mtu(mtu).unwrap();
            ssl
        };
        Ok(Box::new(OldDtls {
            stream: SslStream::new(role(SslRef::set_connect_state), Wire::default()).unwrap(),
            server: Some(role(SslRef::set_accept_state)),
            profile: self.profile,
            exported: Arc::clone(&self.exported),
            is_up: false,
            said: VecDeque::new(),
            now: Instant::now(),
        }))
    }
}

impl Key {
    fn generate(self) -> PKey<Private> {
        match self {
            Self::Rsa(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
            Self::Ecdsa | Self::None => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
            }
        }
    }
}

#[derive(Default)]
struct Wire {
    incoming: Option<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let datagram = self.incoming.take().ok_or(Error::from(ErrorKind::WouldBlock))?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
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

enum Said {
    Connected,
    Certificate(Vec<u8>),
    Keys(Vec<u8>, SrtpProfile),
}

struct OldDtls {
    stream: SslStream<Wire>,
    /// What takes the place of the client, if it is to be the server.
    server: Option<Ssl>,
    profile: Option<SrtpProfile>,
    exported: Exported,
    is_up: bool,
    said: VecDeque<Said>,
    now: Instant,
}

impl UnwindSafe for OldDtls {}
impl RefUnwindSafe for OldDtls {}

impl std::fmt::Debug for OldDtls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OldDtls")
    }
}

impl DtlsInstance for OldDtls {
    fn set_active(&mut self, active: bool) {
        if let (false, Some(server)) = (active, self.server.take()) {
            self.stream = SslStream::new(server, Wire::default()).unwrap();
        }
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if !packet.is_empty() {
            self.stream.get_mut().incoming = Some(packet.to_vec());
        }
        if self.is_up {
            let _ = self.stream.ssl_read(&mut [0; 2_000]);
            return Ok(());
        }
        match self.stream.do_handshake() {
            Ok(()) => {
                let ssl = self.stream.ssl();
                let certificate = ssl.peer_certificate().unwrap().to_der().unwrap();
                self.is_up = true;
                self.said.extend([Said::Certificate(certificate), Said::Connected]);
                if let Some(profile) = self.profile {
                    let mut keys = vec![0; profile.keying_material_len()];
                    ssl.export_keying_material(&mut keys, "EXTRACTOR-dtls_srtp", None)
                        .unwrap();
                    *self.exported.lock().unwrap() = Some(keys.clone());
                    self.said.push_back(Said::Keys(keys, profile));
                }
                Ok(())
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(()),
            // Its alert goes out.
            Err(_) => Ok(()),
        }
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut fill = |bytes: &[u8]| {
            buf[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        };
        if let Some(packet) = self.stream.get_mut().outgoing.pop_front() {
            let length = fill(&packet);
            return DtlsOutput::Packet(&buf[..length]);
        }
        match self.said.pop_front() {
            Some(Said::Connected) => DtlsOutput::Connected,
            Some(Said::Certificate(certificate)) => {
                let length = fill(&certificate);
                DtlsOutput::PeerCert(&buf[..length])
            }
            Some(Said::Keys(keys, profile)) => DtlsOutput::KeyingMaterial(KeyingMaterial::new(&keys), profile),
            None => DtlsOutput::Timeout(self.now + Duration::from_secs(3_600)),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        Ok(())
    }

    fn send_application_data(&mut self, _: &[u8]) -> Result<usize, DtlsImplError> {
        Ok(0)
    }

    fn is_active(&self) -> bool {
        !self.stream.ssl().is_server()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        Some(ProtocolVersion::DTLS1_2)
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        let _ = self.stream.shutdown();
        Ok(())
    }
}
