//! How a session of DTLS 1.2 ends, known in advance: of OpenSSL's session, which has 65 kB, nothing else is needed once the
//! handshake is done for good.

use std::collections::VecDeque;

use aws_lc_rs::aead::{self, AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::tls_prf::{self, P_SHA256, P_SHA384, Secret};
use openssl::ssl::{SslRef, SslStream};
use zeroize::Zeroizing;

use super::Wire;

/// Bytes of a record before its fragment: type, version, epoch and number, length (RFC 6347 section 4.1).
const HEADER: usize = 13;

/// What tells that a session ends (RFC 5246 section 7.2): its type, and what it says.
const ALERT: u8 = 21;
const CLOSE_NOTIFY: u8 = 0;
const FATAL: u8 = 2;

/// Bytes of the master secret, and of what each side drew (RFC 5246 section 8.1).
const MASTER: usize = 48;
const RANDOM: usize = 32;

/// Bytes of a nonce, and of what follows the record's header of it with AES-GCM (RFC 5288 section 3).
const NONCE: usize = 12;
const EXPLICIT: usize = 8;

/// See the module.
pub(super) struct Farewell {
    /// The record by which the server closes, the last one that it writes.
    ours: Vec<u8>,
    /// What opens those of the client.
    key: LessSafeKey,
    /// What of a nonce no record has.
    implicit: Vec<u8>,
}

/// A cipher suite that is offered.
struct Suite {
    aead: &'static aead::Algorithm,
    prf: &'static tls_prf::Algorithm,
    /// Bytes of a nonce that are derived with the keys. The others are in the record, or there are none (RFC 7905 section 2).
    implicit: usize,
}

impl Suite {
    fn of(ssl: &SslRef) -> Option<Self> {
        let gcm = NONCE - EXPLICIT;
        let (aead, prf, implicit) = match ssl.current_cipher()?.name() {
            "ECDHE-ECDSA-AES128-GCM-SHA256" => (&AES_128_GCM, &P_SHA256, gcm),
            "ECDHE-ECDSA-AES256-GCM-SHA384" => (&AES_256_GCM, &P_SHA384, gcm),
            "ECDHE-ECDSA-CHACHA20-POLY1305" => (&CHACHA20_POLY1305, &P_SHA256, NONCE),
            _ => return None,
        };
        Some(Self { aead, prf, implicit })
    }

    /// Derives the key of the client's records, and its part of their nonces (RFC 5246 section 6.3).
    fn derive(&self, ssl: &SslRef) -> Option<(LessSafeKey, Vec<u8>)> {
        let mut master = Zeroizing::new([0_u8; MASTER]);
        let (mut client, mut server) = ([0_u8; RANDOM], [0_u8; RANDOM]);
        ssl.session()?.master_key(&mut *master);
        ssl.client_random(&mut client);
        ssl.server_random(&mut server);
        let length = self.aead.key_len();
        let secret = Secret::new(self.prf, &*master).ok()?;
        let block =
            secret.derive_with_seed_concatination(b"key expansion", &server, &client, 2 * (length + self.implicit));
        let block = block.ok()?;
        let (keys, nonces) = block.as_ref().split_at(2 * length);
        let key = UnboundKey::new(self.aead, &keys[..length]).ok()?;
        Some((LessSafeKey::new(key), nonces[..self.implicit].to_vec()))
    }
}

impl Farewell {
    /// Takes what a session needs for its end. It is not to be used any more. `None`: nothing has changed.
    pub(super) fn of(stream: &mut SslStream<Wire>) -> Option<Self> {
        let (key, implicit) = Suite::of(stream.ssl())?.derive(stream.ssl())?;
        stream.shutdown().ok()?;
        let ours = stream.get_mut().outgoing.pop_front()?;
        Some(Self { ours, key, implicit })
    }

    /// Says that the server closes.
    pub(super) fn say(self, outgoing: &mut VecDeque<Vec<u8>>) {
        outgoing.push_back(self.ours);
    }

    /// Whether a datagram of the client's says that it closes.
    pub(super) fn is_said_by(&self, mut datagram: &[u8]) -> bool {
        while let Some((record, rest)) = split(datagram) {
            if record[0] == ALERT && matches!(self.open(record).as_deref(), Some([_, CLOSE_NOTIFY] | [FATAL, _])) {
                return true;
            }
            datagram = rest;
        }
        false
    }

    /// What is in a record. `None`: it is not authentic.
    fn open(&self, record: &[u8]) -> Option<Vec<u8>> {
        let (header, fragment) = record.split_at(HEADER);
        let number = &header[3..11];
        let mut nonce = [0; NONCE];
        nonce[..self.implicit.len()].copy_from_slice(&self.implicit);
        let sealed = if self.implicit.len() < NONCE {
            let (explicit, sealed) = fragment.split_at_checked(EXPLICIT)?;
            nonce[NONCE - EXPLICIT..].copy_from_slice(explicit);
            sealed
        } else {
            let places = nonce[NONCE - number.len()..].iter_mut();
            places.zip(number).for_each(|(byte, number)| *byte ^= number);
            fragment
        };
        let length = sealed.len().checked_sub(self.key.algorithm().tag_len())?;
        let clear = [number, &header[..3], &(length as u16).to_be_bytes()].concat();
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.open_in_place(nonce, Aad::from(&*clear), &mut opened).ok()?;
        opened.truncate(length);
        Some(opened)
    }
}

/// The first record of a datagram, and the others.
fn split(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = datagram.get(HEADER - 2..HEADER)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    datagram.split_at_checked(HEADER + length)
}
