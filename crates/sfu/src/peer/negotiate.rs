//! Offer and answer (RFC 9429), in both directions.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Rtc, RtcError};

use super::guard::{Fault, Guard};
use super::{Line, MOST_HEARD, Peer};
use crate::command::TrackName;
use crate::ids::{SinkKey, TrackKey};
use crate::sdp::{LineEdit, Scan, finish, scan};

/// An offer of the server's that is not answered yet.
pub struct Pending {
    offer: SdpPendingOffer,
    sdp: String,
    pub(super) sent_at: Instant,
    /// How often it was sent again.
    repeats: u32,
}

/// A client's offer that crossed one of the server's, held until it is known what the client does.
pub struct HeldOffer {
    /// The offer, cleaned.
    pub sdp: String,
    /// The names that came with it.
    pub tracks: Vec<TrackName>,
    /// A client that has not answered the server's offer by then insists on its own.
    pub until: Instant,
}

/// Why a negotiation failed.
#[derive(Debug)]
pub enum NegotiationError {
    /// The SDP cannot be used; nothing has changed.
    Invalid(String),
    /// The session ended by it.
    Broken(String),
    /// The session panicked.
    Fault(Fault),
}

impl From<Fault> for NegotiationError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A track for which a new m-line is to be offered.
pub struct Addition {
    /// Audio or video.
    pub kind: MediaKind,
    /// The track.
    pub track: TrackKey,
    /// Where its packets will be renumbered.
    pub sink: SinkKey,
    /// `a=msid`.
    pub label: (String, String),
}

/// Tries an SDP on a session that is thrown away, since str0m changes a session before it has seen all of an SDP. An SDP
/// that lets it panic is invalid.
///
/// # Errors
/// [`NegotiationError::Invalid`]
pub fn rehearse(scratch: Rtc, sdp: &str) -> Result<(), NegotiationError> {
    let tried = Guard::new(scratch).enter(|scratch| {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        scratch
            .sdp_api()
            .accept_offer(offer)
            .map(drop)
            .map_err(|error| error.to_string())
    });
    match tried {
        Ok(result) => result.map_err(NegotiationError::Invalid),
        Err(Fault) => Err(NegotiationError::Invalid("the SDP cannot be read".into())),
    }
}

impl Peer {
    /// Takes the client's offer. An own one that is outstanding is taken back: the client let it pass. `scratch` is a new
    /// session. Gives the answer as str0m made it, and the lines that the own offer would have made.
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub fn accept_offer(
        &mut self,
        scratch: Rtc,
        sdp: &str,
        outline: &Scan<'_>,
    ) -> Result<(String, Vec<Line>), NegotiationError> {
        self.check_order(outline)?;
        self.check_ssrcs(sdp)?;
        rehearse(scratch, sdp)?;
        let made = self.roll_back()?;
        let answer = self.guard.enter(|rtc| {
            let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
            rtc.sdp_api()
                .accept_offer(offer)
                .map(|answer| answer.to_sdp_string())
                .map_err(|error: RtcError| error.to_string())
        })?;
        self.refused.clear();
        self.repeated = None;
        if self.fingerprint.is_none() {
            self.fingerprint = outline.fingerprint.map(str::to_string);
        }
        answer.map(|answer| (answer, made)).map_err(NegotiationError::Broken)
    }

    /// Whether an offer is another connection's: DTLS goes on with the certificate it began with.
    pub fn is_of_another(&self, outline: &Scan<'_>) -> bool {
        let known = self.fingerprint.as_deref().zip(outline.fingerprint);
        known.is_some_and(|(known, offered)| !known.eq_ignore_ascii_case(offered))
    }

    /// m-lines keep their places (RFC 9429 section 5.2.2), but for rejected ones, which may be replaced.
    fn check_order(&mut self, outline: &Scan<'_>) -> Result<(), NegotiationError> {
        if outline.sections.len() < self.order.len() {
            return Err(NegotiationError::Invalid(
                "the offer has fewer m-lines than were negotiated".into(),
            ));
        }
        for (index, (section, known)) in outline.sections.iter().zip(&self.order).enumerate() {
            let moved = section.key() != known.mid && !known.rejected;
            let changed = section.key() == known.mid && section.kind != known.kind;
            if moved || changed {
                return Err(NegotiationError::Invalid(format!(
                    "m-line {index} is not the one that was negotiated there"
                )));
            }
        }
        Ok(())
    }

    /// The SSRCs that an offer announces (RFC 5576) count like those that are heard.
    fn check_ssrcs(&mut self, sdp: &str) -> Result<(), NegotiationError> {
        let announced = sdp.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
        let mut ssrcs = announced.filter_map(|value| value.split(' ').next()?.parse().ok());
        if ssrcs.all(|ssrc| self.admits_ssrc(ssrc)) {
            return Ok(());
        }
        Err(NegotiationError::Invalid(format!(
            "there are more than {MOST_HEARD} SSRCs"
        )))
    }

    /// Sets what the session does on an m-line, without an offer.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn set_sending(&mut self, mid: Mid, sends: bool) -> Result<(), Fault> {
        let direction = if sends {
            Direction::SendOnly
        } else {
            Direction::Inactive
        };
        self.guard.enter(|rtc| rtc.sdp_api().set_direction(mid, direction))
    }

    /// After the client's offer was taken: sends on each line that has something to send and that the client receives on.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn agree_on_lines(&mut self) -> Result<(), Fault> {
        let mut agreed = Vec::new();
        for line in &mut self.lines.0 {
            line.sending = line.receivable && (line.slot || line.track.is_some());
            if !line.theirs {
                agreed.push((line.mid, line.sending));
            }
        }
        agreed
            .into_iter()
            .try_for_each(|(mid, sends)| self.set_sending(mid, sends))
    }

    /// Finishes an SDP that str0m made: the lines' directions and names.
    pub fn finish_sdp(&self, sdp: &str) -> String {
        finish(sdp, |mid| {
            let line = self.lines.0.iter().find(|line| line.mid == mid && !line.theirs)?;
            Some(LineEdit {
                sends: line.offered.unwrap_or(line.sending),
                stream: line.label.0.clone(),
                track: line.label.1.clone(),
            })
        })
    }

    /// Whether an offer is outstanding, and since when.
    pub fn offer_sent_at(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.sent_at)
    }

    /// Makes an offer of what is wanted and not agreed. `None` if there is nothing.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn make_offer(&mut self, now: Instant, additions: Vec<Addition>) -> Result<Option<String>, Fault> {
        let changes: Vec<(Mid, bool)> = self
            .lines
            .0
            .iter()
            .filter(|line| line.wants_offer())
            .map(|line| (line.mid, line.track.is_some()))
            .collect();
        let made = self.guard.enter(|rtc| {
            // str0m takes only changes: the session's direction may be the wanted one already, without the client
            // knowing.
            let mut api = rtc.sdp_api();
            for (mid, sends) in &changes {
                api.set_direction(
                    *mid,
                    if *sends {
                        Direction::Inactive
                    } else {
                        Direction::SendOnly
                    },
                );
            }
            drop(api);
            let mut api = rtc.sdp_api();
            for (mid, sends) in &changes {
                api.set_direction(
                    *mid,
                    if *sends {
                        Direction::SendOnly
                    } else {
                        Direction::Inactive
                    },
                );
            }
            let mids: Vec<Mid> = additions
                .iter()
                .map(|a| {
                    api.add_media(
                        a.kind,
                        Direction::SendOnly,
                        Some(a.label.0.clone()),
                        Some(a.label.1.clone()),
                        None,
                    )
                })
                .collect();
            api.apply()
                .map(|(offer, pending)| (offer.to_sdp_string(), pending, mids))
        })?;
        let Some((sdp, offer, mids)) = made else {
            return Ok(None);
        };
        for (mid, sends) in changes {
            if let Some(line) = self.lines.by_mid(mid) {
                line.offered = Some(sends);
            }
        }
        for (addition, mid) in additions.into_iter().zip(mids) {
            let mut line = Line::idle(mid, addition.kind, false, addition.sink);
            line.track = Some(addition.track);
            line.label = addition.label;
            line.offered = Some(true);
            line.made_by_offer = true;
            self.lines.0.push(line);
        }
        let sdp = self.finish_sdp(&sdp);
        self.pending = Some(Pending {
            offer,
            sdp: sdp.clone(),
            sent_at: now,
            repeats: 0,
        });
        Ok(Some(sdp))
    }

    /// The outstanding offer, to be sent again just as it was: a client that has taken it already answers once more.
    pub fn repeat_offer(&mut self, now: Instant) -> Option<String> {
        let pending = self.pending.as_mut()?;
        pending.sent_at = now;
        pending.repeats += 1;
        Some(pending.sdp.clone())
    }

    /// Takes back the outstanding offer, if there is one. Gives the lines that it would have made.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn roll_back(&mut self) -> Result<Vec<Line>, Fault> {
        if self.pending.take().is_none() {
            return Ok(Vec::new());
        }
        let (made, kept): (Vec<Line>, Vec<Line>) = std::mem::take(&mut self.lines.0)
            .into_iter()
            .partition(|line| line.made_by_offer);
        self.lines.0 = kept;
        let mut restore = Vec::new();
        for line in &mut self.lines.0 {
            if line.offered.take().is_some() {
                restore.push((line.mid, line.sending));
            }
        }
        for (mid, sending) in restore {
            self.set_sending(mid, sending)?;
        }
        Ok(made)
    }

    /// Takes the client's answer to the outstanding offer. One that was given already, to an offer that was sent again,
    /// changes nothing.
    ///
    /// # Errors
    /// [`NegotiationError`]
    pub fn accept_answer(&mut self, scratch: Rtc, sdp: &str) -> Result<(), NegotiationError> {
        if self.is_repeated(sdp) {
            return Ok(());
        }
        let outline = scan(sdp).map_err(NegotiationError::Invalid)?;
        let Some(pending) = &self.pending else {
            return Err(NegotiationError::Invalid("there is no offer to answer".into()));
        };
        let offered = scan(&pending.sdp).map_err(NegotiationError::Broken)?;
        let alike = outline.sections.len() == offered.sections.len()
            && outline
                .sections
                .iter()
                .zip(&offered.sections)
                .all(|(a, o)| a.mid == o.mid && a.kind == o.kind);
        if !alike {
            return Err(NegotiationError::Invalid(
                "the m-lines of the answer are not those of the offer".into(),
            ));
        }
        rehearse(scratch, sdp)?;
        let Some(pending) = self.pending.take() else {
            return Err(NegotiationError::Invalid("there is no offer to answer".into()));
        };
        let taken = self.guard.enter(|rtc| {
            let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
            rtc.sdp_api()
                .accept_answer(pending.offer, answer)
                .map_err(|error| error.to_string())
        })?;
        taken.map_err(NegotiationError::Broken)?;
        self.held = None;
        self.repeated = (pending.repeats > 0).then(|| (content(sdp), pending.repeats));
        for line in &mut self.lines.0 {
            line.made_by_offer = false;
            let Some(section) = outline.section(line.mid) else {
                continue;
            };
            if let Some(sends) = line.offered.take() {
                line.sending = sends && section.receives();
                line.receivable = section.receives();
                line.declined = section.rejected || (sends && !line.sending);
            }
        }
        self.remember_order(&outline);
        Ok(())
    }

    /// Whether this is the answer that was taken last, once more.
    fn is_repeated(&mut self, sdp: &str) -> bool {
        match &mut self.repeated {
            Some((answer, repeats)) if *repeats > 0 && *answer == content(sdp) => {
                *repeats -= 1;
                true
            }
            _ => false,
        }
    }

    /// Remembers where each m-line stands.
    pub fn remember_order(&mut self, outline: &Scan<'_>) {
        self.order = outline
            .sections
            .iter()
            .map(|s| Place {
                mid: s.key(),
                kind: s.kind,
                rejected: s.rejected,
            })
            .collect();
    }

    /// How many m-lines there are.
    pub fn line_count(&self) -> usize {
        self.order.len()
    }
}

/// What an SDP says, in short. The version in its origin (`o=`) grows from one to the next that is the same.
fn content(sdp: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let lines = sdp.lines().filter(|line| !line.starts_with("o="));
    lines.for_each(|line| line.hash(&mut hasher));
    hasher.finish()
}

/// What stands at one place of the SDP.
pub struct Place {
    mid: Mid,
    kind: Option<MediaKind>,
    rejected: bool,
}
