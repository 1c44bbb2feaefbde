//! The height of pictures of H.264, from the sequence parameter set that comes in front of a keyframe (ITU-T H.264 section
//! 7.3.2.1.1). Linear time.

use super::bits::Bits;

/// Types of NAL units (RFC 6184 section 5.2).
const PARAMETER_SET: u8 = 7;
const AGGREGATE: u8 = 24;

/// Profiles whose parameter sets say how colours are coded.
const WITH_COLOURS: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// The height of a macroblock.
const BLOCK: u32 = 16;

/// The height that the payload of a packet says, if it is a parameter set or has one.
pub(super) fn height(payload: &[u8]) -> Option<u32> {
    let set = match payload.split_first()? {
        (header, set) if is_parameter_set(*header) => set,
        (header, units) if header & 0x1f == AGGREGATE => parameter_set_among(units)?,
        _ => return None,
    };
    read_height(&without_escapes(set))
}

fn is_parameter_set(header: u8) -> bool {
    header & 0x1f == PARAMETER_SET
}

/// The first parameter set of an aggregate (RFC 6184 section 5.7.1), in front of which there may be delimiters and other units.
fn parameter_set_among(mut units: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = units.split_first_chunk()?;
        let (unit, following) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        match unit.split_first() {
            Some((header, set)) if is_parameter_set(*header) => return Some(set),
            _ => units = following,
        }
    }
}

/// Leaves out the octets that keep three of 0, 0 and 1 from coming by chance (section 7.4.1).
fn without_escapes(escaped: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut zeros = 0;
    for byte in escaped {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

fn read_height(set: &[u8]) -> Option<u32> {
    let profile = *set.first()?;
    // Behind profile, constraints and level.
    let mut bits = Bits::after(24, set);
    bits.take_golomb()?;
    let has_half_colours = match WITH_COLOURS.contains(&profile) {
        true => read_colours(&mut bits)?,
        false => true,
    };
    skip_numbers(&mut bits)?;
    bits.take_golomb()?; // reference frames
    bits.take(1)?;
    bits.take_golomb()?; // the width
    let blocks = bits.take_golomb()?.checked_add(1)?;
    let is_progressive = bits.take(1)? == 1;
    if !is_progressive {
        bits.take(1)?;
    }
    bits.take(1)?;
    let cropped = match bits.take(1)? {
        0 => 0,
        _ => {
            bits.take_golomb()?;
            bits.take_golomb()?;
            bits.take_golomb()?.checked_add(bits.take_golomb()?)?
        }
    };
    let fields = if is_progressive { 1 } else { 2 };
    let lines = if has_half_colours { 2 * fields } else { fields };
    let height = blocks.checked_mul(BLOCK * fields)?;
    height.checked_sub(cropped.checked_mul(lines)?)
}

/// Reads how colours are coded. Gives whether they have half as many lines as the picture.
fn read_colours(bits: &mut Bits<'_>) -> Option<bool> {
    let format = bits.take_golomb()?;
    if format == 3 {
        bits.take(1)?;
    }
    bits.take_golomb()?;
    bits.take_golomb()?;
    bits.take(1)?;
    if bits.take(1)? == 1 {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.take(1)? == 1 {
                skip_scaling(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(format == 1)
}

/// Passes over a list of so many scales (section 7.3.2.1.1.1): after one of 0, no more are coded.
fn skip_scaling(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    let mut scale = 8_u8;
    for _ in 0..count {
        // Differences are signed: 1, -1, 2, -2 and so on.
        let code = bits.take_golomb()?;
        let size = code.div_ceil(2) as u8;
        scale = match code % 2 {
            0 => scale.wrapping_sub(size),
            _ => scale.wrapping_add(size),
        };
        if scale == 0 {
            break;
        }
    }
    Some(())
}

/// Passes over how frames and pictures are numbered.
fn skip_numbers(bits: &mut Bits<'_>) -> Option<()> {
    bits.take_golomb()?;
    match bits.take_golomb()? {
        0 => {
            bits.take_golomb()?;
        }
        1 => {
            bits.take(1)?;
            bits.take_golomb()?;
            bits.take_golomb()?;
            for _ in 0..bits.take_golomb()? {
                bits.take_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::format::CodecConfig;
    use str0m::rtp::RtpHeader;

    use super::super::incoming::{Incoming, IncomingStream};
    use super::super::packet::Packet;
    use super::*;

    /// As x264 makes them: profiles with and without colours, cropped or not, of fields, and with escapes.
    const SETS: [(&[u8], u32); 5] = [
        (
            b"\x67\x42\xc0\x0d\xda\x05\x06\x7e\x78\x40\x00\x00\x03\x00\x40\x00\x00\x0f\x23",
            180,
        ),
        (
            b"\x67\x42\xc0\x1f\xda\x01\x40\x16\xe8\x40\x00\x00\x03\x00\x40\x00\x00\x0f\x23",
            720,
        ),
        (
            b"\x67\x64\x00\x28\xac\xb4\x03\xc0\x11\x3f\x2c\x20\x00\x00\x03\x00\x20\x00\x00",
            1_080,
        ),
        (
            b"\x67\xf4\x00\x1e\x91\x96\x80\xa0\x2f\xf8\x98\x40\x00\x00\x03\x00\x40\x00\x00",
            360,
        ),
        (
            b"\x67\x4d\x40\x1e\xf4\x05\x03\xda\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc9",
            480,
        ),
    ];

    /// Bits as octets, behind profile, constraints and level.
    fn set(profile: u8, bits: &str) -> Vec<u8> {
        let bits: Vec<bool> = bits.chars().filter(|bit| *bit != ' ').map(|bit| bit == '1').collect();
        let octet = |bits: &[bool]| (0..8).fold(0, |all, at| all << 1 | u8::from(bits.get(at) == Some(&true)));
        [0x67, profile, 0, 31]
            .into_iter()
            .chain(bits.chunks(8).map(octet))
            .collect()
    }

    #[test]
    fn a_parameter_set_says_the_height() {
        for (set, expected) in SETS {
            assert_eq!(height(set), Some(expected));
            let picture = [&[24, 0, set.len() as u8], set, &[0, 2, 0x65, 9]].concat();
            assert_eq!(height(&picture), Some(expected), "with the picture in one packet");
        }
        assert_eq!(height(&[0x65, 1, 2, 3]), None, "a picture");
        assert_eq!(height(&[24, 0, 2, 0x65, 9, 0, 2, 0x67, 9]), None, "cut off");
        assert_eq!(height(&[24, 0, 0, 0, 9, 0x67]), None, "longer than the packet");
        let (set, expected) = SETS[0];
        let behind_others = [&[24, 0, 2, 9, 0x10, 0, 1, 6, 0, set.len() as u8], set].concat();
        assert_eq!(
            height(&behind_others),
            Some(expected),
            "behind a delimiter and another unit"
        );
    }

    #[test]
    fn the_size_of_a_keyframe_is_known() {
        let (set, height) = SETS[1];
        let now = Instant::now();
        let packet = Packet {
            seq_no: 7.into(),
            header: RtpHeader::default(),
            payload: set.into(),
            timestamp: now,
            report: None,
        };
        let mut config = CodecConfig::empty();
        config.enable_h264(true);
        let incoming = Incoming::new(packet, config.params()[0], now, &mut IncomingStream::default());
        assert!(incoming.is_keyframe);
        assert_eq!(incoming.heights, [height]);
    }

    #[test]
    fn lists_of_scales_and_of_frames_are_passed_over() {
        // Lists of sixteen equal scales, and of one after which the others are like it, of sixty-four that grow.
        let lists = format!("1{} 1 000010001 0000 1{} 0", "1".repeat(16), "010".repeat(64));
        let colours = format!("1 010 1 1 0 1 {lists}");
        // Frames are numbered by a cycle of two; 40 macroblocks by 45, and no line is cropped.
        let rest = "1 010 0 1 1 011 1 1 1 0 00000101000 00000101101 1 1 0";
        assert_eq!(height(&set(100, &format!("{colours} {rest}"))), Some(720));
        assert_eq!(height(&set(66, &format!("1 {rest}"))), Some(720));
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_no_fault() {
        let (set, _) = SETS[0];
        for length in 0..6 {
            assert_eq!(height(&set[..length]), None);
        }
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..50_000 {
            let mut bytes: Vec<u8> = (0..rng.usize(2..60)).map(|_| rng.u8(..) & rng.u8(..)).collect();
            (bytes[0], bytes[1]) = (0x67, *rng.choice(&WITH_COLOURS).unwrap());
            height(&bytes);
        }
    }
}
