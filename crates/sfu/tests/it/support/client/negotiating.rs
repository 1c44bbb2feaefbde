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
        let sdp = self.with_reduced_rtcp(self.bundled(sdp.replace("a=setup:actpass", &setup)));
        self.own_offer.clone_from(&sdp);
        self.drain();
        sdp
    }

    /// The SDP with or without the BUNDLE group that the session always has.
    fn bundled(&self, sdp: String) -> String {
        let is_kept = |line: &&str| self.bundles || !line.starts_with("a=group:");
        let lines = sdp.lines().filter(is_kept);
        lines.map(|line| format!("{line}\r\n")).collect()
    }

    /// The SDP with `a=rtcp-rsize` where it may be.
    fn with_reduced_rtcp(&self, sdp: String) -> String {
        let takes = |section: &str| self.takes_reduced_rtcp.iter().any(|kind| section.starts_with(kind));
        let finished = |section: &str| match takes(section) {
            true => section.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-rsize\r\n"),
            false => section.to_string(),
        };
        sdp.split("m=").map(finished).collect::<Vec<_>>().join("m=")
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
        let answer = SdpAnswer::from_sdp_string(&readable(sdp)).unwrap();
        let is_of_another = !self.own_offer.is_empty() && !mids(sdp).eq(mids(&self.own_offer));
        if is_of_another {
            // It answers an offer that was rolled back.
            return;
        }
        if let Some(pending) = self.pending.take() {
            self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
            self.negotiated = used(sdp);
            // Nothing else wakes ICE where the client waits for the server's ClientHello.
            self.rtc.handle_input(Input::Timeout(self.now)).unwrap();
        }
        self.drain();
    }

    /// The shard's offer.
    pub(crate) fn offered(&mut self, sdp: &str) -> Option<String> {
        self.offers += 1;
        self.last_offer = sdp.to_string();
        let mut offered = mids(sdp);
        let goes_on = |known: &Option<String>| {
            offered
                .next()
                .is_some_and(|mid| known.as_deref().is_none_or(|known| known == mid))
        };
        if self.silent || !self.negotiated.iter().all(goes_on) {
            // As browsers do, it refuses what does not go on from what was negotiated.
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
        if self.rejects_inactive {
            let inactive = sdp.split("\r\nm=").filter(|section| section.contains("a=inactive\r\n"));
            let mids = inactive.filter_map(|section| mids(section).next());
            mids.for_each(|mid| self.rtc.sdp_api().stop_media(mid.into()));
        }
        let offer = SdpOffer::from_sdp_string(&readable(sdp)).unwrap();
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        let answer = self.with_reduced_rtcp(self.bundled(answer));
        self.negotiated = used(&answer);
        self.drain();
        Some(match self.rejects_inactive {
            true => with_all_bundled(&answer),
            false => answer,
        })
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

fn mids(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=mid:"))
}

/// The m-lines of an SDP; `None`: it is rejected, and another one may take its place.
fn used(sdp: &str) -> Vec<Option<String>> {
    let sections = sdp.split("\r\nm=").skip(1);
    let used = |section: &str| section.split(' ').nth(1) != Some("0");
    sections
        .map(|section| mids(section).next().filter(|_| used(section)).map(str::to_string))
        .collect()
}

/// Has also what is rejected in the BUNDLE group.
fn with_all_bundled(sdp: &str) -> String {
    let lines = sdp.lines().map(|line| match line.starts_with("a=group:BUNDLE") {
        true => format!("a=group:BUNDLE {}\r\n", mids(sdp).collect::<Vec<_>>().join(" ")),
        false => format!("{line}\r\n"),
    });
    lines.collect()
}

/// An SDP as a session takes it, which has not offered its client's layers: they are of the test's own making. It knows nothing
/// without a BUNDLE group.
fn readable(sdp: &str) -> String {
    let is_of_layers = |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
    let lines = sdp.lines().filter(|line| !is_of_layers(line));
    let sdp: String = lines.map(|line| format!("{line}\r\n")).collect();
    if sdp.contains("a=group:BUNDLE") {
        return sdp;
    }
    let group = format!("a=group:BUNDLE {}\r\nm=", mids(&sdp).collect::<Vec<_>>().join(" "));
    sdp.replacen("m=", &group, 1)
}
