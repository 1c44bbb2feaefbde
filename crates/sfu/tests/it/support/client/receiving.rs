//! What it gets.

use super::Client;
use super::descriptor::Descriptor;
use sfu::Transport;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid};
use str0m::net::Protocol;
use str0m::rtp::RtpPacket;
use str0m::{Event, Output};

impl Client {
    /// Packets of a kind from a client, on whatever m-line.
    pub(crate) fn got_from(&self, kind: MediaKind, index: usize) -> usize {
        let lines = self.got.iter().filter(|(mid, _)| self.kinds.get(mid) == Some(&kind));
        lines.filter_map(|(_, got)| got.from.get(&(index as u8))).sum()
    }

    pub(crate) fn forget_got(&mut self) {
        self.got.clear();
    }

    pub(super) fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                // The session is over: as DTLS that was never answered.
                Err(_) => return,
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let transport = if transmit.proto == Protocol::Udp {
                        Transport::Udp
                    } else {
                        Transport::TcpPassive
                    };
                    let contents: Vec<u8> = transmit.contents.into();
                    if contents.starts_with(&[0, 1]) {
                        self.last_check.clone_from(&contents);
                    }
                    if self.history.len() < 200 {
                        self.history.push(contents.clone());
                    }
                    self.packets.push((transport, transmit.destination, contents));
                }
                Ok(Output::Event(event)) => self.handle(event),
            }
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::MediaAdded(added) => {
                self.kinds.insert(added.mid, added.kind);
            }
            Event::KeyframeRequest(request) => {
                self.keyframe_requests += 1;
                if let Some(sender) = self.senders.iter_mut().find(|sender| sender.mid == request.mid) {
                    sender.keyframe = true;
                }
            }
            Event::RtpPacket(packet) => self.got_packet(&packet),
            _ => {}
        }
    }

    pub(super) fn got_packet(&mut self, packet: &RtpPacket) {
        let Some(mid) = self
            .rtc
            .direct_api()
            .stream_rx(&packet.header.ssrc)
            .map(|stream| stream.mid())
        else {
            return;
        };
        self.lines_of.insert(*packet.header.ssrc, mid);
        self.names.extend(packet.header.ext_vals.mid);
        let video = self.kinds.get(&mid) == Some(&MediaKind::Video);
        let got = self.got.entry(mid).or_default();
        if let Some(Descriptor(descriptor)) = packet.header.ext_vals.user_values.get() {
            self.descriptors.push(descriptor.clone());
        }
        // What hostile clients send is only taken.
        let Some(from) = packet
            .payload
            .get(if video { 7 } else { 1 })
            .copied()
            .filter(|_| packet.payload.len() >= 18)
        else {
            return;
        };
        let starts_keyframe = packet.payload[0] & 0x10 != 0 && packet.payload.get(6) == Some(&0);
        if video && got.last != Some(from) && !starts_keyframe {
            got.entered_without_keyframe += 1;
        }
        *got.from.entry(from).or_default() += 1;
        if self.keeps_arrivals {
            let kind = if video { MediaKind::Video } else { MediaKind::Audio };
            self.arrivals.push((self.now, kind, from));
        }
        got.last = Some(from);
        let captured = if video {
            &packet.payload[8..16]
        } else {
            &packet.payload[10..18]
        };
        let captured = u64::from_be_bytes(captured.try_into().unwrap());
        let captures = self.captures.entry(*packet.header.ssrc).or_default();
        captures.push((packet.header.timestamp, captured));
        if let Some(info) = packet.last_sender_info {
            let reports = self.reports.entry(*packet.header.ssrc).or_default();
            let report = (info.ntp_time, info.rtp_time.numer() as u32);
            if reports.last() != Some(&report) {
                reports.push(report);
            }
        }
        got.sequences.push(*packet.seq_no);
        if video {
            let picture = u16::from_be_bytes([packet.payload[2], packet.payload[3]]) & 0x7fff;
            if got.pictures.last() != Some(&picture) {
                got.pictures.push(picture);
            }
            let of_picture = got.of_picture.entry(picture).or_default();
            *of_picture += 1;
            got.most_of_a_picture = got.most_of_a_picture.max(*of_picture);
        }
    }

    /// What comes with an SSRC.
    pub(crate) fn kind_of(&self, ssrc: u32) -> Option<MediaKind> {
        let line = self.lines_of.get(&ssrc)?;
        self.kinds.get(line).copied()
    }

    /// The CNAMEs of what it is sent, by name, as source descriptions say.
    pub(crate) fn cnames(&mut self, kind: MediaKind) -> Vec<String> {
        let ssrcs = self.lines_of.clone();
        let mut api = self.rtc.direct_api();
        let of_kind = ssrcs.iter().filter(|(_, mid)| self.kinds.get(mid) == Some(&kind));
        let cname = |(ssrc, _): (&u32, &Mid)| api.stream_rx(&(*ssrc).into())?.cname().map(str::to_string);
        let mut cnames: Vec<String> = of_kind.filter_map(cname).collect();
        cnames.sort();
        cnames
    }

    /// Asks for a keyframe on an m-line where something comes.
    pub(crate) fn ask_keyframe(&mut self, mid: Mid) {
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }
}
