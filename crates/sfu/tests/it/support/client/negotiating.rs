//! Its offers and answers.

use super::{Client, Sender};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::Direction;
use str0m::{IceCreds, Input};

impl Client {
    /// Offers video in several layers, the smallest first.
    pub(crate) fn offer_layers(&mut self, ssrcs: &[u32]) {
        self.layers = ssrcs.to_vec();
    }

    pub(crate) fn offer(&mut self) -> String {
        self.rtc.add_local_candidate(self.candidate());
        let mut api = self.rtc.sdp_api();
        self.is_restarting = std::mem::take(&mut self.restart);
        if self.is_restarting {
            api.ice_restart(true);
        }
        let mut mids = Vec::new();
        for kind in std::mem::take(&mut self.tracks) {
            mids.push((api.add_media(kind, Direction::SendRecv, None, None, None), kind, true));
        }
        for kind in std::mem::take(&mut self.slot_lines) {
            mids.push((api.add_media(kind, Direction::RecvOnly, None, None, None), kind, false));
        }
        for (mid, kind, direction) in std::mem::take(&mut self.turns) {
            api.set_direction(mid, direction);
            let sends = direction.is_sending();
            if !sends {
                self.senders.retain(|sender| sender.mid != mid);
            }
            mids.push((mid, kind, sends));
        }
        let (offer, pending) = api.apply().expect("something to offer");
        self.pending = Some(pending);
        self.offered.clear();
        for (mid, kind, sends) in mids {
            self.kinds.insert(mid, kind);
            if sends {
                self.offered.push(mid);
                let next = self.now;
                self.senders.push(Sender {
                    mid,
                    kind,
                    sequence: 100,
                    timestamp: 7,
                    picture: 32_700,
                    keyframe: true,
                    keyframes: 0,
                    next,
                });
            }
        }
        let setup = format!("a=setup:{}", self.setup.unwrap_or("actpass"));
        let sdp = self.with_simulcast(offer.to_sdp_string());
        let sdp = sdp.replace("a=setup:actpass", &setup);
        self.own_offer.clone_from(&sdp);
        self.drain();
        sdp
    }

    /// The offer with the layers of the video in it.
    pub(super) fn with_simulcast(&self, sdp: String) -> String {
        let (Some(video), false) = (sdp.find("m=video"), self.layers.is_empty()) else {
            return sdp;
        };
        let end = video + sdp[video..].find("a=rtpmap").unwrap();
        let rids: Vec<String> = self.layers.iter().map(|ssrc| format!("r{ssrc}")).collect();
        let lines: String = rids.iter().map(|rid| format!("a=rid:{rid} send\r\n")).collect();
        let simulcast = format!("{lines}a=simulcast:send {}\r\n", rids.join(";"));
        [&sdp[..end], &simulcast, &sdp[end..]].concat()
    }

    /// For offers that a test made itself.
    pub(crate) fn set_pending(&mut self, pending: SdpPendingOffer) {
        self.pending = Some(pending);
    }

    pub(crate) fn answered(&mut self, sdp: &str) {
        self.last_answer = sdp.to_string();
        self.answers += 1;
        let answer = SdpAnswer::from_sdp_string(&without_simulcast(sdp)).unwrap();
        let is_of_another =
            !self.own_offer.is_empty() && sdp.matches("m=").count() != self.own_offer.matches("m=").count();
        if is_of_another {
            // It answers an offer that was rolled back.
            return;
        }
        if let Some(pending) = self.pending.take() {
            self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
            // Nothing else wakes ICE where the client waits for the server's ClientHello.
            self.rtc.handle_input(Input::Timeout(self.now)).unwrap();
        }
        self.drain();
    }

    /// The shard's offer.
    pub(crate) fn offered(&mut self, sdp: &str) -> Option<String> {
        self.offers += 1;
        self.last_offer = sdp.to_string();
        if self.silent {
            return None;
        }
        if self.pending.is_some() {
            self.glares += 1;
            if !self.polite {
                return None;
            }
            self.roll_back();
        }
        if std::mem::take(&mut self.renews_credentials) {
            self.rtc.direct_api().set_local_ice_credentials(IceCreds::new());
        }
        let offer = SdpOffer::from_sdp_string(&without_simulcast(sdp)).unwrap();
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        self.drain();
        Some(answer)
    }

    /// Takes back what it offered, to offer it again. Tests add one kind of thing at a time: new tracks.
    pub(super) fn roll_back(&mut self) {
        self.pending = None;
        self.offers_again = true;
        self.restart = self.is_restarting;
        for mid in std::mem::take(&mut self.offered) {
            self.senders.retain(|sender| sender.mid != mid);
            self.tracks.extend(self.kinds.remove(&mid));
        }
    }
}

/// A session has not offered its client's layers: they are of the test's own making.
fn without_simulcast(sdp: &str) -> String {
    let is_of_layers = |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
    let lines = sdp.lines().filter(|line| !is_of_layers(line));
    lines.map(|line| format!("{line}\r\n")).collect()
}
