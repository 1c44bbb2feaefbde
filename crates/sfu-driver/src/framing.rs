//! Datagrams on a TCP stream (RFC 4571): a 16-bit big-endian length, then that many bytes.

/// The longest datagram accepted from a stream. Media is sent within an Ethernet MTU: a longer frame is something else.
pub(crate) const MAX_DATAGRAM: usize = 2_000;

const HEADER: usize = 2;

/// A frame is longer than [`MAX_DATAGRAM`]: the stream speaks another protocol and has to be closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FrameTooLong(pub usize);

/// Cuts a byte stream into datagrams. It buffers at most one frame.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    partial: Vec<u8>,
}

impl Deframer {
    /// Feeds `bytes` and hands each complete datagram to `sink`, in order; empty frames are skipped (RFC 4571 allows them).
    ///
    /// # Errors
    /// [`FrameTooLong`]: the rest of the stream is lost; close the connection.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), FrameTooLong> {
        while !bytes.is_empty() {
            if self.partial.is_empty() {
                // The common case: whole frames in one read, handed on without a copy.
                let Some(datagram) = first_frame(bytes)? else {
                    self.partial.extend_from_slice(bytes);
                    return Ok(());
                };
                if !datagram.is_empty() {
                    sink(datagram);
                }
                bytes = &bytes[HEADER + datagram.len()..];
            } else {
                let missing = self.missing()?;
                let taken = missing.min(bytes.len());
                self.partial.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                if self.partial.len() >= HEADER && self.missing()? == 0 {
                    if self.partial.len() > HEADER {
                        sink(&self.partial[HEADER..]);
                    }
                    self.partial.clear();
                }
            }
        }
        Ok(())
    }

    /// How many bytes complete the header, or after it the frame.
    fn missing(&self) -> Result<usize, FrameTooLong> {
        match self.partial[..] {
            [high, low, ..] => Ok(HEADER + checked_length(high, low)? - self.partial.len()),
            _ => Ok(HEADER - self.partial.len()),
        }
    }
}

/// Appends `datagram` to `stream` as one frame. `false`: it is too long, and nothing was appended.
pub(crate) fn frame(datagram: &[u8], stream: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(datagram.len()) else {
        return false;
    };
    stream.extend_from_slice(&length.to_be_bytes());
    stream.extend_from_slice(datagram);
    true
}

/// The datagram of the first frame, if it is complete.
fn first_frame(bytes: &[u8]) -> Result<Option<&[u8]>, FrameTooLong> {
    let &[high, low, ref body @ ..] = bytes else {
        return Ok(None);
    };
    Ok(body.get(..checked_length(high, low)?))
}

fn checked_length(high: u8, low: u8) -> Result<usize, FrameTooLong> {
    match usize::from(u16::from_be_bytes([high, low])) {
        length if length > MAX_DATAGRAM => Err(FrameTooLong(length)),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deframed(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let mut deframer = Deframer::default();
        let mut found = Vec::new();
        for chunk in chunks {
            deframer.feed(chunk, |datagram| found.push(datagram.to_vec()))?;
        }
        Ok(found)
    }

    #[test]
    fn any_chunking_gives_the_same_datagrams() {
        let datagrams: Vec<Vec<u8>> = [1, 2, 255, 256, MAX_DATAGRAM]
            .iter()
            .map(|&n| vec![n as u8; n])
            .collect();
        let mut stream = Vec::new();
        for datagram in &datagrams {
            assert!(frame(datagram, &mut stream));
        }
        for size in [1, 2, 3, 7, 255, 258, 259, 1_500, stream.len()] {
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(deframed(&chunks).as_ref(), Ok(&datagrams), "in chunks of {size}");
        }
    }

    #[test]
    fn an_empty_frame_is_skipped() {
        assert_eq!(deframed(&[&[0, 0, 0, 1, 7]]), Ok(vec![vec![7]]));
        assert_eq!(deframed(&[&[0], &[0], &[0], &[1], &[7]]), Ok(vec![vec![7]]));
    }

    #[test]
    fn a_frame_too_long_is_an_error_however_it_arrives() {
        assert_eq!(deframed(&[b"GET / HTTP/1.1\r\n\r\n"]), Err(FrameTooLong(0x4745)));
        assert_eq!(deframed(&[&[0xff], &[0xff]]), Err(FrameTooLong(0xffff)));
    }

    #[test]
    fn a_datagram_that_no_frame_can_hold_is_refused() {
        let mut stream = vec![1];
        assert!(!frame(&vec![0; 65_536], &mut stream));
        assert_eq!(stream, [1]);
    }
}
