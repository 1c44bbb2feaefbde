//! The m-lines on which a peer is sent others' tracks, and what is negotiated about each (RFC 9429 section 5).
//!
//! A plain client's m-line gets another track only after it was negotiated `inactive`: that is what makes a browser
//! announce the new track.

use str0m::media::{MediaKind, Mid};

use crate::line::{Line, LineState};
use crate::sdp::{Outline, Outlined};

/// What the client last said about an m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// It receives there.
    Receives,
    /// It sends there: browsers put an added track on an m-line that they only received on. The server sends on another
    /// one, and on this one again when the client stops.
    Sends,
    /// Neither.
    Inactive,
    /// It declined what the server offered.
    Declined,
}

impl Stance {
    fn of(section: &Outlined) -> Self {
        if section.receives() {
            Self::Receives
        } else if section.sends() {
            Self::Sends
        } else {
            Self::Inactive
        }
    }
}

/// What the outstanding offer says about an m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offered {
    sends: bool,
    /// The offer adds the m-line.
    is_new: bool,
}

/// What the server does on an m-line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced {
    pub(super) kind: MediaKind,
    pub(super) sends: bool,
    pub(super) receives: bool,
}

#[derive(Debug)]
struct MediaLine {
    mid: Mid,
    kind: MediaKind,
    stance: Stance,
    /// The client sends there, too: it bundles nothing, and so has no other m-line to receive on.
    is_shared: bool,
    /// Whether the last completed negotiation has the server send.
    sending: bool,
    offered: Option<Offered>,
}

impl MediaLine {
    fn state(&self, slots: bool) -> LineState {
        match self.stance {
            Stance::Declined => LineState::Declined,
            Stance::Sends => LineState::Unusable,
            Stance::Inactive if slots => LineState::Unusable,
            _ if self.sending => LineState::Sending,
            _ if self.offered.is_some_and(|offered| offered.sends) => LineState::Offered,
            _ => LineState::Idle,
        }
    }
}

/// All of them, in the order of the SDP.
#[derive(Debug, Default)]
pub(super) struct MediaLines(Vec<MediaLine>);

impl MediaLines {
    /// What each can carry.
    pub(super) fn states(&self, slots: bool) -> Vec<Line> {
        let of = |line: &MediaLine| Line {
            mid: line.mid,
            kind: line.kind,
            state: line.state(slots),
        };
        self.0.iter().map(of).collect()
    }

    /// Follows an offer of the client: a rejected m-line is gone, each that receives is there.
    pub(super) fn follow_offer(&mut self, outline: &Outline) {
        self.0.retain_mut(|line| match outline.section(line.mid) {
            Some(section) if !section.rejected => {
                (line.stance, line.is_shared) = (Stance::of(section), section.sends());
                true
            }
            _ => false,
        });
        for section in outline.sections.iter().filter(|section| section.receives()) {
            let known = self.0.iter().any(|line| line.mid == section.key());
            if let (Some(kind), false) = (section.kind(), known) {
                self.0.push(MediaLine {
                    mid: section.key(),
                    kind,
                    stance: Stance::Receives,
                    is_shared: section.sends(),
                    sending: false,
                    offered: None,
                });
            }
        }
    }

    /// After the client's offer: the server sends wherever the client receives and there `is_filled`.
    pub(super) fn agree(&mut self, is_filled: impl Fn(Mid) -> bool) {
        for line in &mut self.0 {
            line.sending = line.stance == Stance::Receives && is_filled(line.mid);
        }
    }

    /// The m-lines whose sending has to be renegotiated, and whether the server is to send there.
    pub(super) fn changes(&self, is_filled: impl Fn(Mid) -> bool) -> Vec<(Mid, bool)> {
        let usable = self.0.iter().filter(|line| line.stance != Stance::Declined);
        usable
            .map(|line| (line, is_filled(line.mid)))
            .filter(|(line, filled)| *filled != line.sending)
            .map(|(line, filled)| (line.mid, filled))
            .collect()
    }

    /// Notes what an offer of the server says.
    pub(super) fn offer(&mut self, changes: &[(Mid, bool)], added: impl Iterator<Item = (Mid, MediaKind)>) {
        for line in &mut self.0 {
            if let Some((_, sends)) = changes.iter().find(|(mid, _)| *mid == line.mid) {
                line.offered = Some(Offered {
                    sends: *sends,
                    is_new: false,
                });
            }
        }
        self.0.extend(added.map(|(mid, kind)| MediaLine {
            mid,
            kind,
            stance: Stance::Receives,
            is_shared: false,
            sending: false,
            offered: Some(Offered {
                sends: true,
                is_new: true,
            }),
        }));
    }

    /// Takes the outstanding offer back.
    pub(super) fn roll_back(&mut self) {
        self.0
            .retain_mut(|line| !line.offered.take().is_some_and(|offered| offered.is_new));
    }

    /// Follows the client's answer to the outstanding offer: an m-line whose place another one has taken is gone.
    pub(super) fn follow_answer(&mut self, outline: &Outline) {
        self.0.retain_mut(|line| {
            let offered = line.offered.take();
            let Some(section) = outline.section(line.mid) else {
                return false;
            };
            if let Some(offered) = offered {
                line.sending = offered.sends && section.receives();
                line.stance = if offered.sends && !line.sending {
                    Stance::Declined
                } else if section.receives() {
                    Stance::Receives
                } else {
                    Stance::Inactive
                };
            }
            if section.rejected {
                (line.sending, line.stance) = (false, Stance::Declined);
            }
            true
        });
    }

    /// Whether an m-line is the first slot of its kind.
    pub(super) fn is_first_slot(&self, mid: Mid) -> bool {
        let is_slot = |line: &&MediaLine| line.state(true) != LineState::Unusable;
        let firsts = [MediaKind::Audio, MediaKind::Video]
            .map(|kind| self.0.iter().filter(is_slot).find(|line| line.kind == kind));
        firsts.into_iter().flatten().any(|line| line.mid == mid)
    }

    /// What an SDP of the server's says of an m-line; `None` where only the client sends, or unknown.
    pub(super) fn announced(&self, mid: Mid) -> Option<Announced> {
        let mut lines = self.0.iter();
        let line = lines.find(|line| line.mid == mid && line.stance != Stance::Sends)?;
        Some(Announced {
            kind: line.kind,
            sends: line.offered.map_or(line.sending, |offered| offered.sends),
            receives: line.is_shared,
        })
    }
}
