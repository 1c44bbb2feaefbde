//! Of which connection of a client's an SDP is.

use crate::sdp::{Outline, Scan};

/// What a client's SDPs have told of its connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    /// That of the first offer: DTLS goes on with the certificate it began with.
    fingerprint: Option<String>,
    /// The id of the session and the password of ICE in the last SDP.
    session_id: String,
    password: String,
    /// Each SDP has another id of the session, as of aiortc and werift, against RFC 3264 section 8.
    renames: bool,
}

impl Identity {
    /// Whose certificate the client has, once it has offered.
    pub(super) fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Follows an SDP of the connection.
    pub(super) fn follow(&mut self, outline: &Outline) {
        if self.fingerprint.is_none() {
            self.fingerprint.clone_from(&outline.fingerprint);
        }
        let password = outline.credentials().password;
        self.renames |= self.password == password && self.session_id != outline.session_id;
        self.session_id.clone_from(&outline.session_id);
        self.password.replace_range(.., password);
    }

    /// Whether an offer is of another connection, as of a page that was loaded again: its certificate is another one. With
    /// the same, which a client may keep for all its connections, it begins ICE anew under the id of another session. `fits`:
    /// its m-lines are such as to go on with.
    pub(super) fn is_of_another(&self, offer: &Scan<'_>, fits: bool) -> bool {
        let Some((known, offered)) = self.fingerprint().zip(offer.fingerprint()) else {
            return false;
        };
        let begins_anew = offer.session_id != self.session_id && offer.transport.credentials.password != self.password;
        !known.eq_ignore_ascii_case(offered) || begins_anew && !(fits && self.renames)
    }
}
