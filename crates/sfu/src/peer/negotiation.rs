//! Where a peer stands in offer/answer (RFC 9429): the outstanding offer, and what both sides have to stay true to.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::IceCreds;
use str0m::media::Mid;

use super::identity::Identity;
use super::reading::ClientSdp;
use super::session::Fault;
use super::{Mode, PeerDue};
use crate::command::TrackName;
use crate::sdp::Outline;

/// How long an offer waits for more changes to go with it: many who join at once are one negotiation.
const GATHER: Duration = Duration::from_millis(20);

/// How long the server waits for an answer before it sends its offer again: offer or answer may have been lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client's offer that crossed one of the server's is held. A polite client answers the server's within a round
/// trip, and the time a phone needs for many m-lines, and then offers again; the offer of any other client has to be taken.
pub(crate) const GLARE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long no offer is made after one was withdrawn, unless the client shows which of the two offers it has gone on with.
/// Whoever goes on with its own may have nothing to show: m-lines on which it only receives.
const WITHDRAWAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Offers that were withdrawn and may be answered: one, unless the client is slower than all timers.
const MAX_WITHDRAWN: usize = 4;

/// SDPs of a client that wait while one is read. A client that waits for answers has one or two.
const MAX_WAITING: usize = 8;

/// How long no offer is made after an answer, for each byte of it. It is read in some 150 ns, so that who answers as fast as
/// offers come takes up an eighth of that thread.
const REST_PER_BYTE: Duration = Duration::from_micros(1);

/// Why a negotiation failed.
#[derive(Debug)]
pub(crate) enum NegotiationError {
    /// The SDP cannot be used; nothing has changed.
    Invalid(String),
    /// There was no time to read the SDP; nothing has changed.
    Busy,
    /// The SDP left the session half changed.
    Broken(String),
    /// The session panicked.
    Fault,
}

impl From<Fault> for NegotiationError {
    fn from(_: Fault) -> Self {
        Self::Fault
    }
}

/// An offer of a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientOffer {
    /// The SDP.
    pub(crate) sdp: String,
    /// The names of the tracks it sends.
    pub(crate) tracks: Vec<TrackName>,
    /// How the client is sent tracks, if it is new.
    pub(crate) mode: Mode,
    /// The user's name, for people, if the client is new.
    pub(crate) name: String,
    /// It has waited for the client to answer an offer of the server's, and waits no longer.
    pub(crate) insists: bool,
}

/// An offer of the server's that is not answered yet.
pub(super) struct Pending {
    pub(super) sdp: Arc<str>,
    sent_at: Instant,
    repeats: u32,
}

/// An offer of the server's that was withdrawn for one of the client's. A client that is polite, but slower than the server
/// waits, answers it all the same: then that is what holds, since it has withdrawn its own. Until the client shows which of the
/// two it has gone on with, no offer is made: its m-lines would not be the client's. But there is no end to how late the answer
/// may come, so one is made in the end, which is withdrawn in turn when it does come.
pub(super) struct Withdrawn {
    pub(super) sdp: Arc<str>,
    /// The server's credentials by then, which the client goes on with.
    pub(super) credentials: IceCreds,
    /// What the client sends on since its own offer, which shows that it has the answer.
    sends_on: Vec<Mid>,
    /// The client's offer restarts ICE: checks with the new credentials show the same.
    restarts: bool,
    /// No offer is made before.
    until: Option<Instant>,
}

/// Where the reading of a client's SDPs stands. Until it is idle, nothing else changes what is negotiated.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Progress {
    #[default]
    Idle,
    /// One is being read.
    Reading,
    /// The next one is read then: others came too fast before it.
    Resting(Instant),
}

/// See the module.
#[derive(Default)]
pub(super) struct Negotiation {
    pending: Option<Pending>,
    /// When to make an offer.
    offer_at: Option<Instant>,
    /// No offer is made before.
    rests_until: Option<Instant>,
    /// The client's offer that crossed the outstanding one, or came too soon after others, and how long it is held.
    held: Option<(ClientOffer, Instant)>,
    /// The last answer taken, and how often it may come again.
    repeated: Option<(u64, u32)>,
    /// Until it is clear that the client goes on with its own.
    withdrawn: Vec<Withdrawn>,
    identity: Identity,
    progress: Progress,
    /// The SDPs that are to be read, in order.
    waiting: VecDeque<ClientSdp>,
}

impl Negotiation {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let unanswered = self.pending.as_ref().map(|pending| pending.sent_at + ANSWER_TIMEOUT);
        match self.progress {
            Progress::Idle => {}
            Progress::Reading => return None,
            Progress::Resting(until) => return unanswered.into_iter().chain([until]).min(),
        }
        let held = self.held.as_ref().map(|(_, until)| *until);
        [self.offer_at, unanswered, held, self.goes_on_at()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn due(&self, now: Instant) -> Option<PeerDue> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let unanswered = self.pending.as_ref().map(|pending| pending.sent_at + ANSWER_TIMEOUT);
        if self.progress == Progress::Reading {
            None
        } else if let Progress::Resting(until) = self.progress {
            let repeats = is_due(unanswered).then_some(PeerDue::RepeatOffer);
            if until <= now { Some(PeerDue::ReadNext) } else { repeats }
        } else if is_due(self.held.as_ref().map(|(_, until)| *until)) {
            Some(PeerDue::TakeHeldOffer)
        } else if is_due(unanswered) {
            Some(PeerDue::RepeatOffer)
        } else if is_due(self.goes_on_at()) {
            Some(PeerDue::GoOn)
        } else if is_due(self.offer_at) {
            Some(PeerDue::MakeOffer)
        } else {
            None
        }
    }

    /// When offers are made again after one that was withdrawn; `None`: they are.
    fn goes_on_at(&self) -> Option<Instant> {
        self.withdrawn.last()?.until
    }

    /// Whether an SDP of the client's is being read, or one waits until it may be.
    pub(super) fn is_reading(&self) -> bool {
        self.progress != Progress::Idle
    }

    pub(super) fn begin_reading(&mut self) {
        self.progress = Progress::Reading;
    }

    pub(super) fn end_reading(&mut self) {
        self.progress = Progress::Idle;
    }

    /// Has the SDP that was next wait until then.
    ///
    /// # Errors
    /// The SDP: it is an answer, and the one behind it has overtaken it.
    pub(super) fn rest(&mut self, until: Instant, sdp: ClientSdp) -> Result<(), ClientSdp> {
        if sdp.is_answer() && self.waiting.front().is_some_and(ClientSdp::is_answer) {
            return Err(sdp);
        }
        self.waiting.push_front(sdp);
        self.progress = Progress::Resting(until);
        Ok(())
    }

    /// Has an SDP wait for the one that is being read. An answer overtakes one that waits for its time.
    ///
    /// # Errors
    /// The SDP, where too many wait, or more than so many bytes.
    pub(super) fn wait(&mut self, sdp: ClientSdp, max_bytes: usize) -> Result<(), ClientSdp> {
        let is_resting = matches!(self.progress, Progress::Resting(_));
        let overtakes = is_resting && sdp.is_answer() && self.waiting.back().is_some_and(ClientSdp::is_answer);
        let stay = self.waiting.len() - usize::from(overtakes);
        let waiting = self.waiting.iter().take(stay).chain([&sdp]);
        let bytes: usize = waiting.map(|sdp| sdp.text().len()).sum();
        if stay == MAX_WAITING || bytes > max_bytes {
            return Err(sdp);
        }
        self.waiting.truncate(stay);
        self.waiting.push_back(sdp);
        Ok(())
    }

    pub(super) fn next_waiting(&mut self) -> Option<ClientSdp> {
        self.waiting.pop_front()
    }

    /// Takes over what waits at another peer.
    pub(super) fn inherit(&mut self, earlier: Self) {
        self.waiting = earlier.waiting;
    }

    /// Which connection of the client's it is.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether an offer of the server's is outstanding.
    pub(super) fn awaits_answer(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether an offer may be made: none is outstanding, in either direction.
    pub(super) fn can_offer(&self) -> bool {
        self.pending.is_none() && self.held.is_none() && !self.is_reading()
    }

    /// Whether a new offer may be planned.
    pub(super) fn is_settled(&self) -> bool {
        self.can_offer() && self.offer_at.is_none() && self.goes_on_at().is_none()
    }

    pub(super) fn plan_offer(&mut self, now: Instant) {
        self.offer_at = self.rests_until.max(Some(now + GATHER));
    }

    /// The planned offer is being made, or is not needed any more.
    pub(super) fn drop_plan(&mut self) {
        self.offer_at = None;
    }

    pub(super) fn offered(&mut self, now: Instant, sdp: Arc<str>) {
        self.pending = Some(Pending {
            sdp,
            sent_at: now,
            repeats: 0,
        });
    }

    /// The outstanding offer, to be sent again just as it was: a client that has taken it already answers once more.
    pub(super) fn repeat(&mut self, now: Instant) -> Option<Arc<str>> {
        let pending = self.pending.as_mut()?;
        pending.sent_at = now;
        pending.repeats += 1;
        Some(Arc::clone(&pending.sdp))
    }

    pub(super) fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    pub(super) fn take_pending(&mut self) -> Option<Pending> {
        self.pending.take()
    }

    /// Withdraws the outstanding offer for one of the client's. Gives whether there was one. Those that were withdrawn before
    /// may still be answered: the client may have repeated its own.
    pub(super) fn withdraw(&mut self, now: Instant, credentials: IceCreds, sends_on: Vec<Mid>, restarts: bool) -> bool {
        self.offer_at = None;
        self.go_on();
        let Some(Pending { sdp, .. }) = self.pending.take() else {
            return false;
        };
        if self.withdrawn.len() == MAX_WITHDRAWN {
            self.withdrawn.remove(0);
        }
        self.withdrawn.push(Withdrawn {
            sdp,
            credentials,
            sends_on,
            restarts,
            until: Some(now + WITHDRAWAL_TIMEOUT),
        });
        true
    }

    /// Offers are made again, whether or not the client has shown what it goes on with.
    pub(super) fn go_on(&mut self) {
        if let Some(withdrawn) = self.withdrawn.last_mut() {
            withdrawn.until = None;
        }
    }

    /// The client has sent media on an m-line. Gives whether that shows that it has gone on with its own offer.
    pub(super) fn heard_on(&mut self, mid: Mid) -> bool {
        self.goes_on(|withdrawn| withdrawn.sends_on.contains(&mid))
    }

    /// The client has made a check. Gives whether that shows that it has gone on with its own offer.
    pub(super) fn was_checked(&mut self) -> bool {
        self.goes_on(|withdrawn| withdrawn.restarts)
    }

    fn goes_on(&mut self, shows: impl Fn(&Withdrawn) -> bool) -> bool {
        let shown = self.withdrawn.iter().rposition(shows);
        // It has not answered those before either.
        shown.is_some_and(|last| {
            self.withdrawn.drain(..=last);
            self.withdrawn.is_empty()
        })
    }

    /// The offers that were withdrawn and may be answered.
    pub(super) fn withdrawn(&self) -> impl Iterator<Item = &Arc<str>> {
        self.withdrawn.iter().map(|withdrawn| &withdrawn.sdp)
    }

    /// Takes an offer that was withdrawn and has been answered: no other one will be.
    pub(super) fn take_withdrawn(&mut self, sdp: &Arc<str>) -> Option<Withdrawn> {
        let mut all = std::mem::take(&mut self.withdrawn).into_iter();
        all.find(|withdrawn| Arc::ptr_eq(&withdrawn.sdp, sdp))
    }

    /// Holds an offer of the client's: one that came before it and was held has been overtaken. The time runs from the first.
    pub(super) fn hold(&mut self, until: Instant, offer: ClientOffer) {
        let until = self.held.as_ref().map_or(until, |(_, held)| until.min(*held));
        self.held = Some((offer, until));
    }

    pub(super) fn take_held(&mut self) -> Option<ClientOffer> {
        self.held.take().map(|(offer, _)| offer)
    }

    /// An offer of the client was taken.
    pub(super) fn offer_taken(&mut self, outline: &Outline) {
        self.repeated = None;
        self.identity.follow(outline);
    }

    /// The client has answered an offer.
    pub(super) fn answer_taken(&mut self, now: Instant, repeats: u32, sdp: &str, outline: &Outline) {
        self.rests_until = Some(now + REST_PER_BYTE * sdp.len().try_into().unwrap_or(u32::MAX));
        self.held = None;
        self.withdrawn.clear();
        self.identity.follow(outline);
        self.repeated = (repeats > 0).then(|| (digest(sdp), repeats));
    }

    /// Whether this is the answer that was taken last, once more: the client answered each repetition of an offer.
    pub(super) fn is_repeated_answer(&mut self, sdp: &str) -> bool {
        match &mut self.repeated {
            Some((answer, repeats)) if *repeats > 0 && *answer == digest(sdp) => {
                *repeats -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Pending {
    pub(super) fn repeats(&self) -> u32 {
        self.repeats
    }
}

/// A digest of an SDP without its origin (`o=`), whose version grows from one to the next that is otherwise the same.
fn digest(sdp: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let lines = sdp.lines().filter(|line| !line.starts_with("o="));
    lines.for_each(|line| line.hash(&mut hasher));
    hasher.finish()
}
