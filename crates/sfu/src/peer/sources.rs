//! The RTP streams that a client sends, by SSRC (RFC 3550 section 8, RFC 8843 section 9.2).
//!
//! An SSRC is one of the client's when an offer has announced it, or when a packet of it was authentic. Until then the session
//! has a stream for it only while one packet is tried, so that packets which anybody can send change nothing.

use std::time::{Duration, Instant};

use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;

use super::Peer;
use super::session::{Fault, Place, SendingLine};
use crate::bucket::Bucket;
use crate::rtp::Header;

/// SSRCs of one client at a time: eight tracks with three encodings and their retransmissions are 48. Offers that announce more
/// are refused.
pub(super) const MAX_SSRCS: usize = 64;

/// SSRCs that one client may ever use: the session remembers the last sequence numbers of each.
const MAX_EVER: u32 = 10_000;

/// A stream that was not announced and has been silent for so long is gone.
const GONE: Duration = Duration::from_secs(30);

/// Retransmission streams that are tried in a second: the session keeps each for half a minute.
const REPAIRS_PER_SECOND: u32 = 10;

/// SSRC 0 carries probes for bandwidth, which the session answers by itself.
const PROBES: u32 = 0;

/// What is to be done with an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is of one of the client's streams.
    Known,
    /// It may be: try it, then call [`Peer::end_trial`].
    Trial,
    /// It belongs nowhere.
    Refused,
}

#[derive(Debug)]
struct Source {
    ssrc: Ssrc,
    line: Mid,
    /// Which encoding of several it is, or repairs.
    rid: Option<Rid>,
    /// Its last authentic packet.
    heard: Option<Instant>,
    is_announced: bool,
    is_repair: bool,
}

impl Source {
    fn is_gone(&self, now: Instant) -> bool {
        !self.is_announced && self.heard.is_none_or(|heard| heard + GONE <= now)
    }
}

/// An SSRC whose packet is being tried.
#[derive(Debug, Clone, Copy)]
struct Trial {
    ssrc: Ssrc,
    place: Place,
    is_authentic: bool,
}

/// See the module.
pub(super) struct Sources {
    known: Vec<Source>,
    ever: u32,
    trial: Option<Trial>,
    repairs: Bucket,
}

impl Sources {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: Vec::new(),
            ever: 0,
            trial: None,
            repairs: Bucket::new(REPAIRS_PER_SECOND, now),
        }
    }

    fn knows(&self, ssrc: Ssrc) -> bool {
        self.known.iter().any(|source| source.ssrc == ssrc)
    }

    /// Notes an authentic packet of a stream, and gives its m-line.
    pub(super) fn heard(&mut self, now: Instant, ssrc: Ssrc) -> Option<Mid> {
        let source = self.known.iter_mut().find(|source| source.ssrc == ssrc)?;
        source.heard = Some(now);
        Some(source.line)
    }

    /// The packet that is being tried was authentic.
    pub(super) fn confirm(&mut self, now: Instant) {
        let Some(trial) = self.trial.as_mut().filter(|trial| !trial.is_authentic) else {
            return;
        };
        trial.is_authentic = true;
        let (ssrc, line, is_repair) = (trial.ssrc, trial.place.line(), trial.place.is_repair());
        let rid = trial.place.rid();
        self.ever += 1;
        self.known.push(Source {
            ssrc,
            line,
            rid,
            heard: Some(now),
            is_announced: false,
            is_repair,
        });
    }

    /// The main streams on an m-line that are not gone.
    fn mains(&self, line: Mid) -> impl Iterator<Item = (Ssrc, Option<Rid>)> {
        let mains = self
            .known
            .iter()
            .filter(move |source| source.line == line && !source.is_repair);
        mains.map(|source| (source.ssrc, source.rid))
    }

    /// Whether a stream is an encoding that may be resumed: clients name it at its beginning only. Of several with its name
    /// the one that was heard last is.
    fn may_resume(&self, source: &Source, lines: &[SendingLine]) -> bool {
        let is_newer = |other: &Source| {
            let is_alike = (other.line, other.rid, other.is_repair) == (source.line, source.rid, source.is_repair);
            is_alike && other.heard > source.heard
        };
        let is_sent = lines.iter().any(|(line, _)| *line == source.line);
        source.rid.is_some() && is_sent && !self.known.iter().any(is_newer)
    }

    /// Takes out what `is_over`. Gives the SSRCs of main streams, whose streams in the session are to be removed.
    fn take_out(&mut self, is_over: impl Fn(&Source) -> bool) -> Vec<Ssrc> {
        let mut removed = Vec::new();
        self.known.retain(|source| {
            let over = is_over(source);
            if over && !source.is_repair {
                removed.push(source.ssrc);
            }
            !over
        });
        removed
    }
}

impl Peer {
    /// Finds out whose an RTP packet may be that is not authenticated yet. `lines` are the m-lines on which the client sends.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn expect(
        &mut self,
        now: Instant,
        packet: &[u8],
        lines: impl Iterator<Item = Mid>,
    ) -> Result<Expected, Fault> {
        let Some(header) = Header::parse(packet) else {
            return Ok(Expected::Refused);
        };
        if !self.transport_numbers.admit(&header) {
            return Ok(Expected::Refused);
        }
        if header.ssrc == PROBES || self.sources.knows(header.ssrc.into()) {
            return Ok(Expected::Known);
        }
        let sources = &self.sources;
        let lines: Vec<SendingLine> = lines.map(|line| (line, sources.mains(line).collect())).collect();
        let is_gone = |source: &&Source| source.is_gone(now) && !sources.may_resume(source, &lines);
        let gone: Vec<Ssrc> = sources.known.iter().filter(is_gone).map(|source| source.ssrc).collect();
        self.forget_sources(|source| gone.contains(&source.ssrc))?;
        if self.sources.known.len() >= MAX_SSRCS || self.sources.ever >= MAX_EVER {
            return Ok(Expected::Refused);
        }
        let sources = &self.sources;
        let lines: Vec<SendingLine> = lines
            .iter()
            .map(|(line, _)| (*line, sources.mains(*line).collect()))
            .collect();
        let named = |mid: &[u8]| self.layout.key(mid);
        let place = self.session.place(&header, &lines, named, |ssrc| sources.knows(ssrc))?;
        let Some(place) = place else {
            return Ok(Expected::Refused);
        };
        if place.is_repair() && !self.sources.repairs.take(now) {
            return Ok(Expected::Refused);
        }
        let ssrc = header.ssrc.into();
        self.session.expect_stream(ssrc, place)?;
        self.sources.trial = Some(Trial {
            ssrc,
            place,
            is_authentic: false,
        });
        Ok(Expected::Trial)
    }

    /// The packet that was tried has had its effects. Gives whether it was authentic; if not, everything is as before.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn end_trial(&mut self) -> Result<bool, Fault> {
        let Some(trial) = self.sources.trial.take() else {
            return Ok(false);
        };
        if !trial.is_authentic {
            self.session.withdraw_stream(trial.ssrc, trial.place)?;
        }
        Ok(trial.is_authentic)
    }

    /// Follows the SSRCs that an offer announces: those of the one before that are not heard any more are gone.
    pub(super) fn announce(&mut self, announced: &[Ssrc]) -> Result<(), Fault> {
        let streams = self.session.announced(announced)?;
        for source in &mut self.sources.known {
            source.is_announced = false;
        }
        for (ssrc, line, is_repair) in streams {
            let known = self.sources.known.iter_mut().find(|source| source.ssrc == ssrc);
            if let Some(known) = known {
                (known.is_announced, known.line, known.is_repair) = (true, line, is_repair);
            } else {
                self.sources.known.push(Source {
                    ssrc,
                    line,
                    rid: None,
                    heard: None,
                    is_announced: true,
                    is_repair,
                });
            }
        }
        self.forget_sources(|source| !source.is_announced && source.heard.is_none())
    }

    fn forget_sources(&mut self, is_over: impl Fn(&Source) -> bool) -> Result<(), Fault> {
        for ssrc in self.sources.take_out(is_over) {
            self.session.remove_stream(ssrc)?;
        }
        Ok(())
    }
}
