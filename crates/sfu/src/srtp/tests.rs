//! The vectors of RFC 3711 appendix B.3, of RFC 7714 sections 16 and 17 and of libsrtp, and what must not be taken.

use super::cipher::Cipher;
use super::keys::{MasterKey, MasterKeys, Profile, SessionKeys, Stream};
use super::{Receiver, SendWindow, Sender};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// "Quid pro quo", and a key that counts.
fn of_rfc_7714(profile: Profile, key: u8) -> Cipher {
    let mut salt = [0; 14];
    salt[..12].copy_from_slice(b"Quid pro quo");
    let keys = SessionKeys {
        key: (0..key).collect::<Vec<u8>>().into(),
        authentication: Vec::new().into(),
        salt,
    };
    Cipher::with_keys(profile, &keys).unwrap()
}

const GALLIA: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070
    61727465 73207472 6573";

fn master() -> MasterKey {
    MasterKey::new(
        Profile::Aes128CmSha1_80,
        &bytes("e1f97a0d3e018be0d64fa32c06de4139"),
        &bytes("0ec675ad498afeebb6960b3aabe6"),
    )
}

#[test]
fn session_keys_are_derived_as_in_rfc_3711() {
    let keys = master().derive(Stream::Rtp).unwrap();
    assert_eq!(*keys.key, bytes("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(keys.salt.to_vec(), bytes("30cbbc08863d8c85d49db34a9ae1"));
    assert_eq!(*keys.authentication, bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
}

#[test]
fn rtp_in_counter_mode_as_libsrtp_has_it() {
    let mut packet = bytes("800f1234 decafbad cafebabe");
    packet.extend([0xab; 16]);
    let mut window = SendWindow::default();
    let sender = Sender::new(&master()).unwrap();
    let ticket = window.admit(0x1234).unwrap();
    assert!(sender.seal_rtp(&mut packet, 0..12, 0xcafe_babe, ticket));
    let expected = "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb";
    assert_eq!(packet, bytes(expected));
}

#[test]
fn rtp_with_gcm_as_in_rfc_7714() {
    let sealed_128 = "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
        899d7f27 beb16a91 52cf765e e4390cce";
    let sealed_256 = "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
        7aa3db36 dfffd6b0 f9bb7878 d7a76c13";
    for (profile, key, sealed) in [
        (Profile::AeadAes128Gcm, 16, sealed_128),
        (Profile::AeadAes256Gcm, 32, sealed_256),
    ] {
        let mut packet = bytes(GALLIA);
        assert!(of_rfc_7714(profile, key).seal_rtp(&mut packet, 0..12, 0x5501_a0b2, 0xf17b));
        assert_eq!(packet[12..], bytes(sealed), "{profile:?}");
    }
}

#[test]
fn rtcp_with_gcm_as_in_rfc_7714() {
    let plain = bytes(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
        deadbeef deadbeef",
    );
    let sealed = bytes(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46
        86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
    let cipher = of_rfc_7714(Profile::AeadAes128Gcm, 16);
    let mut packet = plain.clone();
    assert!(cipher.seal_rtcp(&mut packet, 0x5d4));
    assert_eq!(packet, sealed);
    assert_eq!(cipher.open_rtcp(&mut packet), Some((0x4d61_7273, 0x5d4)));
    assert_eq!(packet, plain);
    // Authentic but not encrypted: nobody has negotiated that.
    let mut tagged = [&plain[..], &bytes("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4")].concat();
    assert_eq!(cipher.open_rtcp(&mut tagged), None);
}

/// Both ends of a connection.
fn ends(profile: Profile) -> (Sender, Receiver) {
    let material: Vec<u8> = (0..88).collect();
    let client = MasterKeys::split(profile, &material, true).unwrap();
    let server = MasterKeys::split(profile, &material, false).unwrap();
    (
        Sender::new(&client.ours).unwrap(),
        Receiver::new(&server.theirs).unwrap(),
    )
}

const PROFILES: [Profile; 3] = [Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm, Profile::AeadAes256Gcm];

#[test]
fn rtcp_is_taken_once_and_whole() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = ends(profile);
        let plain = bytes("80c90001 00000007 81ce0002 00000007 00000009");
        let sealed: Vec<Vec<u8>> = (0..100)
            .map(|_| {
                let mut packet = plain.clone();
                assert!(sender.seal_rtcp(&mut packet));
                let added = if profile == Profile::Aes128CmSha1_80 { 14 } else { 20 };
                assert_eq!(packet.len(), plain.len() + added, "the index and a tag");
                packet
            })
            .collect();
        for packet in &sealed[1..] {
            assert_eq!(receiver.open_rtcp(packet).as_deref(), Some(&plain[..]), "{profile:?}");
            assert_eq!(receiver.open_rtcp(packet), None, "a replay");
        }
        assert_eq!(receiver.open_rtcp(&sealed[0]), None, "it may be a replay");
        let mut fresh = plain.clone();
        assert!(sender.seal_rtcp(&mut fresh));
        for at in 0..fresh.len() {
            let mut damaged = fresh.clone();
            damaged[at] ^= 0x10;
            assert_eq!(receiver.open_rtcp(&damaged), None, "{profile:?} {at}");
            assert_eq!(receiver.open_rtcp(&fresh[..at]), None, "{profile:?} {at}");
        }
        assert!(receiver.open_rtcp(&fresh).is_some());
    }
}

#[test]
fn material_that_is_too_short_is_not_taken() {
    for profile in PROFILES {
        assert!(MasterKeys::split(profile, &[0; 55], true).is_none());
    }
}

#[test]
fn rtp_is_opened_whole_and_with_its_own_index() {
    for profile in PROFILES {
        let (sender, receiver) = ends(profile);
        let plain = bytes("80e00007 00000009 00000003 90e08001 0200aabb");
        let mut window = super::window::SendWindow::default();
        let index = 3 << 16 | 7;
        let mut sealed = plain.clone();
        assert!(sender.seal_rtp(&mut sealed, 0..12, 3, window.admit(index).unwrap()));
        let open = |packet: &[u8], index| receiver.open_rtp(packet, 12, 3, index);
        assert_eq!(open(&sealed, index).as_deref(), Some(&plain[12..]), "{profile:?}");
        assert_eq!((open(&sealed, 7), open(&sealed, index + (1 << 16))), (None, None));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 0x10;
            assert_eq!(open(&damaged, index), None, "{profile:?} {at}");
            assert_eq!(open(&sealed[..at], index), None, "{profile:?} {at}");
        }
    }
}
