//! The addresses of one client, and the one that media goes to (RFC 8445, RFC 7675).
//!
//! A client's STUN request shows that somebody who knows its credentials can send *from* an address, or that somebody has
//! seen such a request and sends it again. Media goes to an address only after a check of our own to it came back, so that
//! no stream can be turned onto a third party.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::IceCreds;
use str0m::crypto::Sha1HmacProvider;
use str0m::ice::{StunMessage, TransId};

use super::seen::Seen;
use crate::bucket::Bucket;
use crate::config::Transport;
use crate::sdp::IceCredentials;
use crate::stun::Transaction;

/// An address of a client, with the transport protocol.
pub(super) type Address = (Transport, SocketAddr);

/// Addresses that are remembered; the one silent for longest makes way. A client has a few networks with some candidates
/// each.
const MAX_PATHS: usize = 16;

/// DTLS packets that wait for the first address to be verified: two flights.
const MAX_HELD: usize = 16;

/// When an unanswered check is sent again by itself, and when it is given up.
const RESEND: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// How long after a check the client's next request has it sent again, which begins [`RESEND`] anew, as long as there is no
/// address in use. Until they are connected clients ask every 50 ms (RFC 8445 section 14.2); libwebrtc drops what comes from
/// the address of a STUN server of its configuration, as nodes are, while it gathers.
const ASKED_AGAIN: Duration = Duration::from_millis(40);

/// Checks a second that requests lead to, besides those that are sent again. A client asks 20 times a second (RFC 8445 section
/// 14.2), or a few times as often; who keeps its requests back, and sends them in the names of many hosts, could have each sent
/// one.
const MAX_CHECKS: u32 = 100;

/// How long nothing authentic comes from the address in use before another one that is verified takes its place without
/// having been nominated.
const SILENT: Duration = Duration::from_secs(3);

/// After so much silence the address in use is checked where the client also sends from another one: nothing need come from a
/// client that only watches.
const ASK: Duration = Duration::from_secs(1);

/// How long the address in use has for an answer before it counts as silent: all of [`RESEND`].
const ANSWER: Duration = Duration::from_secs(2);

/// A client of which nothing authentic has been heard for so long is asked whether it is still there (RFC 7675 section 5.1).
/// Its own requests do not count: anyone who saw them may send them again.
const CONSENT: Duration = Duration::from_secs(5);

/// Recommended for a host candidate's peer-reflexive one (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;

struct Check {
    transaction: Transaction,
    sent_at: Instant,
    tries: usize,
}

struct Path {
    address: Address,
    heard: Instant,
    /// The client wants it used (RFC 8445 section 8.1.1), since the last change of the address in use.
    is_nominated: bool,
    check: Option<Check>,
}

#[derive(PartialEq)]
struct Credentials {
    ours: IceCreds,
    theirs: IceCreds,
}

/// See the module.
pub(super) struct Paths {
    hmac: &'static dyn Sha1HmacProvider,
    credentials: Option<Credentials>,
    paths: Vec<Path>,
    selected: Option<Address>,
    /// When something authentic last came from the selected address.
    selected_heard: Instant,
    /// Since when the selected address owes an answer.
    asked: Option<Instant>,
    /// When the client last sent something authentic that cannot be replayed.
    alive: Instant,
    /// Of the selected address, as checks were answered, half of it by the last one; zero: none was.
    round_trip: Duration,
    seen: Seen,
    held: Vec<Vec<u8>>,
    outgoing: VecDeque<(Address, Vec<u8>)>,
    checks: Bucket,
}

impl Paths {
    pub(super) fn new(hmac: &'static dyn Sha1HmacProvider, now: Instant) -> Self {
        Self {
            hmac,
            credentials: None,
            paths: Vec::new(),
            selected: None,
            selected_heard: now,
            asked: None,
            alive: now,
            round_trip: Duration::ZERO,
            seen: Seen::default(),
            held: Vec::new(),
            outgoing: VecDeque::new(),
            checks: Bucket::new(MAX_CHECKS, now),
        }
    }

    /// Takes the credentials of both sides. With new ones ICE begins anew; the address in use stays in use until another one
    /// is verified (RFC 8445 section 9). Gives whether they are new.
    pub(super) fn set_credentials(&mut self, ours: IceCreds, remote: IceCredentials<'_>) -> bool {
        let theirs = IceCreds {
            ufrag: remote.ufrag.to_string(),
            pass: remote.password.to_string(),
        };
        let credentials = Some(Credentials { ours, theirs });
        let are_new = self.credentials != credentials;
        if are_new {
            self.credentials = credentials;
            self.paths.clear();
        }
        are_new
    }

    /// Whether these credentials of the client's are not those that it had.
    pub(super) fn has_other_credentials(&self, remote: IceCredentials<'_>) -> bool {
        let known = self.credentials.as_ref();
        known.is_some_and(|known| known.theirs.pass != remote.password)
    }

    /// Answers a STUN request. `false`: its integrity is wrong, or it is not for this client.
    pub(super) fn answer(&mut self, address: Address, packet: &[u8]) -> bool {
        let Some((Credentials { ours, theirs }, request)) =
            self.credentials.as_ref().zip(StunMessage::parse(packet).ok())
        else {
            return false;
        };
        let is_named = request.split_username() == Some((&*ours.ufrag, &*theirs.ufrag));
        if !is_named || !is_signed(self.hmac, &request, ours) {
            return false;
        }
        let answer = StunMessage::binding_reply(request.trans_id(), address.1);
        let signed = self.signed(&answer, ours);
        self.outgoing.extend(signed.map(|packet| (address, packet)));
        true
    }

    /// Whether a request was seen before, and comes from an address that no other one came from: somebody replays it.
    pub(super) fn is_replayed(&self, transaction: &Transaction, address: Address) -> bool {
        self.seen.has(transaction) && !self.paths.iter().any(|path| path.address == address)
    }

    /// A request whose integrity was verified has come. The address is checked where it may come into use. It is no sign of
    /// life: it may be a replay.
    pub(super) fn requested(&mut self, now: Instant, address: Address, transaction: Transaction, nominates: bool) {
        self.seen.note(&transaction);
        if self.selected == Some(address) && self.paths.iter().any(|path| path.address == address) {
            return;
        }
        self.ask_selected(now, address);
        let is_wanted = self.is_wanted(now, nominates);
        let patience = self.selected.map_or(ASKED_AGAIN, |_| RESEND[0]);
        let path = self.path(now, address);
        path.is_nominated |= nominates;
        let tries = match &path.check {
            None => Some(0),
            Some(check) => (check.sent_at + patience <= now).then_some(1),
        };
        if let Some(tries) = tries.filter(|_| is_wanted || path.is_nominated)
            && self.checks.take(now)
        {
            self.check(now, address, tries);
        }
    }

    /// Whether an address other than the selected one should come into use.
    fn is_wanted(&self, now: Instant, is_nominated: bool) -> bool {
        let is_silent = self.selected_heard + SILENT <= now;
        let is_dead = is_silent && self.asked.is_some_and(|asked| asked + ANSWER <= now);
        self.selected.is_none() || is_nominated || is_dead
    }

    /// Asks whether the client still is at the selected address, where it sends from another one.
    fn ask_selected(&mut self, now: Instant, other: Address) {
        let selected = self.selected.filter(|selected| *selected != other);
        let is_quiet = self.selected_heard + ASK <= now && self.asked.is_none();
        if let Some(selected) = selected.filter(|_| is_quiet) {
            self.path(now, selected);
            self.check(now, selected, 0);
        }
    }

    fn path(&mut self, now: Instant, address: Address) -> &mut Path {
        let index = match self.paths.iter().position(|path| path.address == address) {
            Some(index) => index,
            None => {
                if self.paths.len() == MAX_PATHS {
                    self.forget_one();
                }
                self.paths.push(Path {
                    address,
                    heard: now,
                    is_nominated: false,
                    check: None,
                });
                self.paths.len() - 1
            }
        };
        let path = &mut self.paths[index];
        path.heard = now;
        path
    }

    /// Makes room for another path. The one in use stays.
    fn forget_one(&mut self) {
        let selected = self.selected;
        let others = (0..self.paths.len()).filter(|index| Some(self.paths[*index].address) != selected);
        if let Some(oldest) = others.min_by_key(|index| self.paths[*index].heard) {
            self.paths.remove(oldest);
        }
    }

    /// Sends a check. Its transaction cannot be guessed: the client knows the credentials, but learns of the transaction only
    /// at the address. Sent again it is the same, so that an answer to any of them counts, however long the way is (RFC 8489
    /// section 6.2.1).
    fn check(&mut self, now: Instant, address: Address, tries: usize) {
        let before = self.paths.iter().find(|path| path.address == address);
        let before = before.and_then(|path| path.check.as_ref()).filter(|_| tries > 0);
        let mut transaction = before.map(|check| check.transaction).unwrap_or_default();
        if before.is_none() && getrandom::fill(&mut transaction).is_err() {
            // Without randomness no address can be verified. The next request tries again.
            return;
        }
        let Some(packet) = self.request(&transaction) else {
            return;
        };
        if let Some(path) = self.paths.iter_mut().find(|path| path.address == address) {
            path.check = Some(Check {
                transaction,
                sent_at: now,
                tries,
            });
            self.outgoing.push_back((address, packet));
            if self.selected == Some(address) {
                self.asked.get_or_insert(now);
            }
        }
    }

    fn request(&self, transaction: &Transaction) -> Option<Vec<u8>> {
        let Credentials { ours, theirs } = self.credentials.as_ref()?;
        let username = format!("{}:{}", theirs.ufrag, ours.ufrag);
        let transaction = transaction_id(transaction)?;
        let request = StunMessage::binding_request(&username, transaction, false, 0, PRIORITY, false);
        self.signed(&request, theirs)
    }

    fn signed(&self, message: &StunMessage<'_>, by: &IceCreds) -> Option<Vec<u8>> {
        let mut packet = vec![0; 1_200];
        let hmac = |key: &[u8], parts: &[&[u8]]| self.hmac.sha1_hmac(key, parts);
        let length = message.to_bytes(Some(by.pass.as_bytes()), &mut packet, hmac);
        packet.truncate(length.ok()?);
        Some(packet)
    }

    /// A response has come. Gives whether it verifies the address: it answers the check that was sent there, with the
    /// client's credentials. An error also shows that the client is there (as 487, RFC 8445 section 7.3.1.1).
    pub(super) fn responded(&mut self, now: Instant, address: Address, packet: &[u8]) -> bool {
        let Some((credentials, transaction)) = self.credentials.as_ref().zip(packet.get(8..20)) else {
            return false;
        };
        let answered = |path: &&mut Path| {
            let check = path.check.as_ref();
            path.address == address && check.is_some_and(|check| check.transaction == transaction)
        };
        let Some(path) = self.paths.iter_mut().find(answered) else {
            return false;
        };
        let (hmac, theirs) = (self.hmac, &credentials.theirs);
        if !StunMessage::parse(packet).is_ok_and(|message| is_signed(hmac, &message, theirs)) {
            return false;
        }
        // What was sent more than once does not say which was answered.
        let timed = path.check.take().filter(|check| check.tries == 0);
        let is_nominated = path.is_nominated;
        if self.is_wanted(now, is_nominated) {
            self.select(address);
        }
        if let Some(check) = timed.filter(|_| self.selected == Some(address)) {
            let taken = now.saturating_duration_since(check.sent_at);
            self.round_trip = match self.round_trip {
                Duration::ZERO => taken,
                before => (before + taken) / 2,
            };
        }
        self.heard(now, address);
        true
    }

    fn select(&mut self, address: Address) {
        if self.selected.replace(address) != Some(address) {
            self.round_trip = Duration::ZERO;
        }
        self.asked = None;
        self.paths.iter_mut().for_each(|path| path.is_nominated = false);
        self.outgoing
            .extend(self.held.drain(..).map(|packet| (address, packet)));
    }

    /// How long the way to the client and back takes, as far as is known.
    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// The address that media goes to.
    pub(super) fn selected(&self) -> Option<Address> {
        self.selected
    }

    /// Something authentic that cannot be replayed has come from an address.
    pub(super) fn heard(&mut self, now: Instant, address: Address) {
        self.alive = now;
        if self.selected == Some(address) {
            self.selected_heard = now;
            self.asked = None;
        }
    }

    /// Where a packet of the session's is sent. `None`: it waits until an address is verified.
    pub(super) fn route(&mut self, packet: Vec<u8>) -> Option<(Address, Vec<u8>)> {
        if let Some(address) = self.selected {
            return Some((address, packet));
        }
        if self.held.len() < MAX_HELD {
            self.held.push(packet);
        }
        None
    }

    /// The next packet to send.
    pub(super) fn poll(&mut self) -> Option<(Address, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    /// When [`Self::check_again`] is due for checks that were not answered.
    pub(super) fn resend_at(&self) -> Option<Instant> {
        let unanswered = self.paths.iter().filter_map(|path| path.check.as_ref());
        let resend = unanswered.filter_map(|check| Some(check.sent_at + *RESEND.get(check.tries)?));
        resend.min()
    }

    /// When [`Self::check_again`] is due for a client that is silent.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        self.selected.map(|_| self.consent_at())
    }

    fn consent_at(&self) -> Instant {
        let of_selected = self.paths.iter().find(|path| self.selected == Some(path.address));
        let asked = of_selected
            .and_then(|path| path.check.as_ref())
            .map(|check| check.sent_at);
        asked.map_or(self.alive, |asked| asked.max(self.alive)) + CONSENT
    }

    /// Sends again what was not answered, and asks a silent client whether it is there.
    pub(super) fn check_again(&mut self, now: Instant) {
        let mut due: Vec<(Address, usize)> = Vec::new();
        for path in &mut self.paths {
            let Some(check) = &path.check else { continue };
            match RESEND.get(check.tries) {
                Some(after) if check.sent_at + *after <= now => due.push((path.address, check.tries + 1)),
                Some(_) => {}
                None if self.selected == Some(path.address) => {}
                None if check.sent_at + SILENT <= now => path.check = None,
                None => {}
            }
        }
        for (address, tries) in due {
            self.check(now, address, tries);
        }
        if let Some(selected) = self.selected.filter(|_| self.consent_at() <= now) {
            self.path(now, selected);
            self.check(now, selected, 0);
        }
    }
}

fn is_signed(hmac: &dyn Sha1HmacProvider, message: &StunMessage<'_>, by: &IceCreds) -> bool {
    message.verify(by.pass.as_bytes(), |key, parts| hmac.sha1_hmac(key, parts))
}

/// str0m's type of a transaction, which it makes only in reading a message.
fn transaction_id(transaction: &Transaction) -> Option<TransId> {
    // A binding indication without attributes.
    let mut message = [0_u8; 20];
    message[..8].copy_from_slice(&[0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    message[8..].copy_from_slice(transaction);
    StunMessage::parse(&message).ok().map(|message| message.trans_id())
}
