//! The session with a client of OpenSSL's, through the door that str0m has.

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use str0m::config::DtlsVersion;
use str0m::crypto::from_feature_flags;

use super::super::keys::{slot_of_latest, watched};
use super::*;

fn certificate() -> DtlsCert {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    DtlsCert {
        certificate: builder.build().to_der().unwrap(),
        private_key: key.private_key_to_der().unwrap(),
    }
}

struct Pair {
    server: Box<dyn DtlsInstance>,
    client: SslStream<Wire>,
    slot: KeySlot,
}

impl Pair {
    /// Both sides have shaken hands.
    fn new(cipher: &str) -> Self {
        let (ours, theirs) = (certificate(), certificate());
        let provider = watched(from_feature_flags()).dtls_provider;
        let mut server = provider
            .new_dtls(&ours, Instant::now(), DtlsVersion::Auto, None)
            .unwrap();
        server.set_active(false);
        let mut context = SslContext::builder(SslMethod::dtls_client()).unwrap();
        context.set_cipher_list(cipher).unwrap();
        context.set_tlsext_use_srtp(PROFILES).unwrap();
        context.set_options(SslOptions::NO_QUERY_MTU);
        context
            .set_certificate(&X509::from_der(&theirs.certificate).unwrap())
            .unwrap();
        let key = PKey::private_key_from_der(&theirs.private_key).unwrap();
        context.set_private_key(&key).unwrap();
        let mut ssl = Ssl::new(&context.build()).unwrap();
        ssl.set_connect_state();
        ssl.set_mtu(MTU as u32).unwrap();
        let mut pair = Self {
            server,
            client: SslStream::new(ssl, Wire::default()).unwrap(),
            slot: slot_of_latest(),
        };
        while pair.slot.take().is_none() {
            let _ = pair.client.do_handshake();
            pair.bring_to_server(|packet| packet);
            pair.bring_to_client(|client| {
                let _ = client.do_handshake();
            });
        }
        pair
    }

    /// What the client has said arrives, with what becomes of it on the way.
    fn bring_to_server(&mut self, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        for packet in std::mem::take(&mut self.client.get_mut().outgoing) {
            self.server.handle_packet(&change(packet)).unwrap();
        }
    }

    /// What the server has said arrives, one packet after the other. Gives what else it has to say.
    fn bring_to_client(&mut self, mut read: impl FnMut(&mut SslStream<Wire>)) -> Vec<&'static str> {
        let (mut buffer, mut said) = ([0; 2_048], Vec::new());
        loop {
            match self.server.poll_output(&mut buffer) {
                DtlsOutput::ApplicationData(_) => said.push("data"),
                DtlsOutput::CloseNotify => said.push("closed"),
                DtlsOutput::Timeout(_) => {
                    let Some(packet) = self.slot.pop_packet() else {
                        return said;
                    };
                    self.client.get_mut().incoming = Some(packet);
                    read(&mut self.client);
                }
                _ => {}
            }
        }
    }

    fn hear(&mut self) -> Vec<&'static str> {
        self.bring_to_client(|_| {})
    }
}

fn has_closed(client: &mut SslStream<Wire>) -> bool {
    let read = client.ssl_read(&mut [0; 16]);
    read.is_err_and(|error| error.code() == ErrorCode::ZERO_RETURN)
}

#[test]
fn once_the_client_has_the_keys_only_the_end_is_left() {
    for cipher in CIPHERS.split(':') {
        let mut pair = Pair::new(cipher);
        pair.client.ssl_write(b"x").unwrap();
        pair.bring_to_server(|packet| packet);
        assert_eq!(pair.hear(), ["data"], "{cipher}");
        pair.slot.prove();
        assert!(pair.hear().is_empty());
        let sent = pair.server.send_application_data(b"x");
        assert_eq!(sent, Ok(0), "{cipher}: OpenSSL's session is gone");
        pair.client.shutdown().unwrap();
        let record = pair.client.get_ref().outgoing[0].clone();
        pair.bring_to_server(|mut packet| {
            *packet.last_mut().unwrap() ^= 1;
            packet
        });
        assert!(pair.hear().is_empty(), "{cipher}: whoever says so is not the client");
        pair.server.handle_packet(&record).unwrap();
        assert_eq!(pair.hear(), ["closed"], "{cipher}");
    }
}

#[test]
fn the_server_closes_in_the_same_way_before_and_after_that() {
    for is_proven in [false, true] {
        let mut pair = Pair::new(CIPHERS);
        if is_proven {
            pair.slot.prove();
        }
        assert!(pair.hear().is_empty());
        pair.server.close().unwrap();
        let mut closed = Vec::new();
        pair.bring_to_client(|client| closed.push(has_closed(client)));
        assert_eq!(closed, [true], "{is_proven}");
        assert!(pair.server.is_closed());
    }
}
