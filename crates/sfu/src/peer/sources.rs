//! The RTP streams that a client sends, by SSRC (RFC 3550 section 8, RFC 8843 section 9.2).
//!
//! An SSRC is one of the client's when an offer has announced it, or when a packet of it was authentic: packets that anybody
//! can send change nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use str0m::media::Mid;
use str0m::rtp::Ssrc;

use super::formats::{Formats, Place, Role, SendingLine};
use crate::receiving::Stream;
use crate::rtp::Header;
use crate::srtp::ReceiveWindow;

/// SSRCs of one client at a time: eight tracks with three encodings and their retransmissions are 48. Offers that announce more
/// are refused.
pub(super) const MAX_SSRCS: usize = 64;

/// SSRCs that one client may ever use: the last index of each is remembered, so that none of its packets counts twice.
const MAX_EVER: usize = 10_000;

/// A stream that was not announced and has been silent for so long is gone.
const GONE: Duration = Duration::from_secs(30);

/// One stream.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) ssrc: Ssrc,
    pub(super) place: Place,
    pub(super) stream: Stream,
    /// Its last authentic packet.
    heard: Option<Instant>,
    /// The MID that its packets carried last.
    name: Option<Box<[u8]>>,
    is_announced: bool,
    /// The client has said so since (RFC 3550 section 6.6).
    is_ended: bool,
}

impl Source {
    /// One that was announced may come, and come again, at any time.
    fn is_gone(&self, now: Instant) -> bool {
        let is_over = self.is_ended || self.heard.is_none_or(|heard| heard + GONE <= now);
        is_over && !self.is_announced
    }

    fn is_main(&self) -> bool {
        self.place.role == Role::Main
    }
}

/// A stream that is known as soon as a packet of it is authentic.
pub(super) struct Newcomer {
    place: Place,
    /// Streams that are gone by then.
    gone: Vec<Ssrc>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Sources {
    known: Vec<Source>,
    /// One more than the last index of each SSRC that was heard and is gone.
    past: HashMap<Ssrc, u64>,
}

impl Sources {
    /// The source of an SSRC.
    pub(super) fn get(&self, ssrc: Ssrc) -> Option<&Source> {
        self.known.iter().find(|source| source.ssrc == ssrc)
    }

    /// As [`Self::get`].
    pub(super) fn get_mut(&mut self, ssrc: Ssrc) -> Option<&mut Source> {
        self.known.iter_mut().find(|source| source.ssrc == ssrc)
    }

    /// All of them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        self.known.iter_mut()
    }

    /// Which packets of a stream came that is not known.
    pub(super) fn past_window(&self, ssrc: Ssrc) -> ReceiveWindow {
        ReceiveWindow::after(self.past_end(ssrc))
    }

    fn past_end(&self, ssrc: Ssrc) -> u64 {
        self.past.get(&ssrc).copied().unwrap_or_default()
    }

    /// The index that a packet of a known stream would have, if it is authentic. `None`: there is none, or the stream is one
    /// too many.
    pub(super) fn index(&self, source: &Source, sequence: u16) -> Option<u64> {
        let begins = source.stream.window.end() == 0;
        let index = source.stream.window.index(sequence)?;
        (!begins || self.may_begin()).then_some(index)
    }

    /// Whether one more stream may be heard than ever were.
    fn may_begin(&self) -> bool {
        self.past.len() + self.known.len() < MAX_EVER
    }

    /// One more source, which goes on after the last index that was heard of its SSRC.
    fn add(&mut self, ssrc: Ssrc, place: Place, is_announced: bool) {
        let end = self.past.remove(&ssrc).unwrap_or_default();
        self.known.push(Source {
            ssrc,
            place,
            stream: Stream::resumed(end),
            heard: None,
            name: None,
            is_announced,
            is_ended: false,
        });
    }

    /// The source of an authentic packet, which may be a new one.
    pub(super) fn heard(&mut self, now: Instant, ssrc: Ssrc, newcomer: Option<Newcomer>) -> Option<&mut Source> {
        if let Some(Newcomer { place, gone }) = newcomer {
            self.forget(|source| gone.contains(&source.ssrc));
            self.add(ssrc, place, false);
        }
        let source = self.get_mut(ssrc)?;
        (source.heard, source.is_ended) = (Some(now), false);
        Some(source)
    }

    /// Streams have ended, and make room for others.
    pub(super) fn end(&mut self, ssrcs: &[u32]) {
        let ended = self.known.iter_mut().filter(|source| ssrcs.contains(&source.ssrc));
        ended.for_each(|source| source.is_ended = true);
    }

    /// The stream of media on an m-line that a keyframe is asked of: this one, or the first one.
    pub(super) fn main_on(&self, line: Mid, ssrc: Option<Ssrc>) -> Option<Ssrc> {
        let mut mains = self.known.iter().filter(|source| source.is_main());
        let wanted = mains.clone().find(|source| Some(source.ssrc) == ssrc);
        let found = wanted.or_else(|| mains.find(|source| source.place.line == line))?;
        Some(found.ssrc)
    }

    /// Finds out where a packet belongs whose SSRC is not known. It is not authenticated yet. `lines` are the m-lines on which the
    /// client sends; `named` gives that of a MID.
    pub(super) fn place(
        &self,
        now: Instant,
        header: &Header<'_>,
        formats: &Formats,
        lines: impl Iterator<Item = Mid>,
        named: impl Fn(&[u8]) -> Option<Mid>,
    ) -> Option<Newcomer> {
        let lines: Vec<Mid> = lines.collect();
        let gone = |source: &&Source| source.is_gone(now) && !self.may_resume(source, &lines);
        let gone: Vec<Ssrc> = self.known.iter().filter(gone).map(|source| source.ssrc).collect();
        let is_past = self.past.contains_key(&header.ssrc.into());
        if self.known.len() - gone.len() >= MAX_SSRCS || !(is_past || self.may_begin()) {
            return None;
        }
        let others = || self.known.iter().filter(|source| !gone.contains(&source.ssrc));
        let place = place_beside(others, header, formats, &lines, named)?;
        Some(Newcomer { place, gone })
    }

    /// Follows the MID of the latest packet of a known stream: by another one, the stream goes over to that m-line (RFC 9143
    /// section 9.2). `lines` and `named` are as in [`Self::place`].
    pub(super) fn follow_name(
        &mut self,
        ssrc: Ssrc,
        header: &Header<'_>,
        formats: &Formats,
        lines: impl Iterator<Item = Mid>,
        named: impl Fn(&[u8]) -> Option<Mid>,
    ) {
        let (Some(name), Some(source)) = (formats.mid(header), self.get(ssrc)) else {
            return;
        };
        if source.name.as_deref() == Some(name) {
            return;
        }
        let place = match named(name) == Some(source.place.line) {
            true => Some(source.place),
            false => {
                let others = || self.known.iter().filter(|other| other.ssrc != ssrc);
                place_beside(others, header, formats, &lines.collect::<Vec<_>>(), named)
            }
        };
        if let (Some(place), Some(source)) = (place, self.get_mut(ssrc)) {
            (source.place, source.name) = (place, Some(name.into()));
        }
    }

    /// Whether a stream is an encoding that may be resumed: clients name it at its beginning only. Of several with its name
    /// the one that was heard last is.
    fn may_resume(&self, source: &Source, lines: &[Mid]) -> bool {
        let name = |source: &Source| (source.place.line, source.place.rid, source.is_main());
        let is_newer = |other: &Source| name(other) == name(source) && other.heard > source.heard;
        let is_sent = lines.contains(&source.place.line);
        source.place.rid.is_some() && is_sent && !self.known.iter().any(is_newer)
    }

    fn forget(&mut self, is_over: impl Fn(&Source) -> bool) {
        let over = self.known.extract_if(.., |source| is_over(source));
        let heard = over.filter(|source| source.stream.end() > 0);
        self.past.extend(heard.map(|source| (source.ssrc, source.stream.end())));
    }

    /// Follows the streams that an offer announces: those of the one before that are not heard any more are gone.
    pub(super) fn announce(&mut self, streams: Vec<(Ssrc, Mid, Role)>) {
        for source in &mut self.known {
            source.is_announced = false;
            source.name = None;
        }
        for (ssrc, line, role) in streams {
            if let Some(known) = self.get_mut(ssrc) {
                (known.is_announced, known.place.line, known.place.role) = (true, line, role);
            } else {
                self.add(ssrc, Place { line, rid: None, role }, true);
            }
        }
        self.forget(|source| !source.is_announced && source.heard.is_none());
    }
}

/// Where a packet belongs, given the streams that there are beside its own.
fn place_beside<'a, I: Iterator<Item = &'a Source> + Clone>(
    others: impl Fn() -> I,
    header: &Header<'_>,
    formats: &Formats,
    lines: &[Mid],
    named: impl Fn(&[u8]) -> Option<Mid>,
) -> Option<Place> {
    let line = |line: &Mid| {
        let mains = others().filter(|source| source.place.line == *line && source.is_main());
        let is_announced = mains.clone().any(|source| source.is_announced);
        SendingLine {
            line: *line,
            mains: mains.clone().map(|source| (source.ssrc, source.place.rid)).collect(),
            heard: mains.filter_map(|source| source.heard).max().filter(|_| !is_announced),
        }
    };
    let lines: Vec<SendingLine> = lines.iter().map(line).collect();
    let is_repaired = |main| others().any(|source| source.place.role == Role::Repair(main));
    formats.place(header, &lines, named, is_repaired)
}
