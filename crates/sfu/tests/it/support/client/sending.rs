//! What it sends.

use super::descriptor::Descriptor;
use super::{Client, Sent};
use sfu::{Source, WantedLayers};
use std::time::Duration;
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, VideoOrientation};

impl Client {
    pub(crate) fn mids(&self, kind: MediaKind) -> Vec<Mid> {
        self.senders
            .iter()
            .filter(|sender| sender.kind == kind)
            .map(|sender| sender.mid)
            .collect()
    }

    /// Says whether something was written.
    pub(super) fn send_media(&mut self) -> bool {
        let now = self.now;
        let mut written = false;
        let (index, level) = (self.index as u8, self.level);
        let mut sent = Vec::new();
        let is_video_stopped = self.is_obedient && self.wanted_video.last() == Some(&false);
        for sender in &mut self.senders {
            let Some(media) = self.rtc.media(sender.mid) else {
                continue;
            };
            if now < sender.next || !media.direction().is_sending() {
                continue;
            }
            let format = match sender.kind {
                MediaKind::Audio => 0,
                MediaKind::Video => self.video_format,
            };
            let Some(pt) = media.remote_pts().get(format).copied() else {
                continue;
            };
            let mut api = self.rtc.direct_api();
            let Some(stream) = api.stream_tx_by_mid(sender.mid, None) else {
                continue;
            };
            written = true;
            let ssrc = *stream.ssrc();
            let mut keep = |sequence: u64, timestamp, marker, payload: &[u8], level: Option<u8>| {
                sent.push(Sent {
                    kind: sender.kind,
                    ssrc,
                    payload_type: *pt,
                    sequence: sequence as u16,
                    timestamp,
                    marker,
                    level,
                    orientation: level.is_none().then_some(VideoOrientation::Deg90 as u8),
                    payload: payload.to_vec(),
                });
            };
            match sender.kind {
                MediaKind::Audio => {
                    sender.next += Duration::from_millis(20);
                    let mut payload = vec![0xfc, index];
                    payload.extend((now - self.start).as_micros().to_be_bytes());
                    payload.resize(80, 0);
                    let extensions = ExtensionValues {
                        audio_level: Some(level),
                        voice_activity: Some(true),
                        ..Default::default()
                    };
                    let level = 0x80 | level.unsigned_abs();
                    keep(sender.sequence, sender.timestamp, false, &payload, Some(level));
                    stream.write_rtp(
                        RtpWrite::new(pt, sender.sequence.into(), sender.timestamp, now, payload).ext_vals(extensions),
                    );
                    sender.sequence += 1;
                    sender.timestamp = sender.timestamp.wrapping_add(960);
                }
                MediaKind::Video if is_video_stopped => {
                    sender.next += Duration::from_millis(40);
                    sender.timestamp = sender.timestamp.wrapping_add(3_600);
                }
                MediaKind::Video => {
                    sender.next += Duration::from_millis(40);
                    let keyframe = std::mem::take(&mut sender.keyframe);
                    sender.keyframes += usize::from(keyframe);
                    let [high, low] = (sender.picture | 0x8000).to_be_bytes();
                    let captured = (now - self.encoding_time - self.start).as_micros() as u64;
                    let large = self.large_keyframes.filter(|_| keyframe);
                    let (parts, bytes) = large.unwrap_or((2, self.video_bytes));
                    for part in 0..parts {
                        let start = if part == 0 { 0x90 } else { 0x80 };
                        let mut payload = vec![
                            start,
                            0xe0,
                            high,
                            low,
                            sender.picture as u8,
                            0,
                            u8::from(!keyframe),
                            index,
                        ];
                        payload.extend(captured.to_be_bytes());
                        payload.resize(if self.is_padding { 0 } else { bytes }, part);
                        if let Some(hostile) = &self.hostile_payload {
                            payload.clone_from(hostile);
                        }
                        let mut extensions = ExtensionValues {
                            video_orientation: Some(VideoOrientation::Deg90),
                            ..Default::default()
                        };
                        if let Some(descriptor) = self.descriptor.clone() {
                            extensions.user_values.set(Descriptor(descriptor));
                        }
                        let ends = part + 1 == parts;
                        keep(sender.sequence, sender.timestamp, ends, &payload, None);
                        let captured = now - self.encoding_time;
                        let write = |payload| {
                            RtpWrite::new(pt, sender.sequence.into(), sender.timestamp, captured, payload)
                                .marker(ends)
                                .nackable(true)
                                .ext_vals(extensions.clone())
                        };
                        if self.encodings.is_empty() {
                            api.stream_tx(&ssrc.into())
                                .expect("found before")
                                .write_rtp(write(payload));
                        } else {
                            for (number, ssrc) in self.encodings.iter().enumerate() {
                                let mut payload = payload.clone();
                                let layer = self.layers.iter().position(|layer| layer == ssrc);
                                payload[7] = index + layer.unwrap_or(number) as u8;
                                let stream = api.stream_tx(&(*ssrc).into()).expect("declared");
                                stream.write_rtp(write(payload));
                            }
                        }
                        sender.sequence += 1;
                    }
                    sender.picture = (sender.picture + 1) & 0x7fff;
                    sender.timestamp = sender.timestamp.wrapping_add(3_600);
                }
            }
        }
        if self.keeps_sent {
            self.sent.extend(sent);
        }
        written
    }

    /// Sends on with other SSRCs.
    pub(crate) fn change_ssrc(&mut self, kind: MediaKind, ssrc: u32) {
        for mid in self.mids(kind) {
            self.change_ssrc_on(mid, ssrc);
        }
    }

    /// Sends on with another SSRC on an m-line. Gives the one before.
    pub(crate) fn change_ssrc_on(&mut self, mid: Mid, ssrc: u32) -> u32 {
        let mut api = self.rtc.direct_api();
        let before = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc()).unwrap();
        api.remove_stream_tx(before);
        api.declare_stream_tx(ssrc.into(), Some((ssrc + 1).into()), mid, None);
        *before
    }

    /// Begins anew with a keyframe.
    pub(crate) fn begin_with_a_keyframe(&mut self) {
        self.senders.iter_mut().for_each(|sender| sender.keyframe = true);
    }

    /// Sends nothing on an m-line for some time.
    pub(crate) fn rest_on(&mut self, mid: Mid, time: Duration) {
        for sender in self.senders.iter_mut().filter(|sender| sender.mid == mid) {
            sender.next += time;
        }
    }

    /// Sends on with another SSRC, and with numbers that have nothing to do with those before.
    pub(crate) fn begin_anew(&mut self, kind: MediaKind, ssrc: u32, sequence: u64, timestamp: u32) {
        self.change_ssrc(kind, ssrc);
        for sender in self.senders.iter_mut().filter(|sender| sender.kind == kind) {
            (sender.sequence, sender.timestamp, sender.picture) = (sequence, timestamp, 9);
        }
    }

    /// Sends on with numbers so much higher.
    pub(crate) fn leap(&mut self, kind: MediaKind, numbers: u64) {
        for sender in self.senders.iter_mut().filter(|sender| sender.kind == kind) {
            sender.sequence += numbers;
        }
    }

    /// Sends video with several streams on one m-line.
    pub(crate) fn send_encodings(&mut self, ssrcs: &[u32]) {
        let mid = self.mids(MediaKind::Video)[0];
        for ssrc in ssrcs {
            // A session sends one stream for each RID.
            let rid = format!("r{ssrc}");
            let mut api = self.rtc.direct_api();
            if api.stream_tx(&(*ssrc).into()).is_some() {
                continue;
            }
            let repair = (ssrc + 1_000_000).into();
            api.declare_stream_tx((*ssrc).into(), Some(repair), mid, Some(rid.as_str().into()));
        }
        self.encodings = ssrcs.to_vec();
    }

    /// Is told which layers of its video are wanted.
    pub(crate) fn layers_wanted(&mut self, videos: &[WantedLayers]) {
        let Some(video) = videos.iter().find(|video| video.source == Source::Camera) else {
            return;
        };
        assert_eq!(video.mid, self.mids(MediaKind::Video)[0].to_string());
        let ssrcs: Vec<u32> = video.rids.iter().map(|rid| rid[1..].parse().unwrap()).collect();
        self.wanted_layers.push(ssrcs.clone());
        self.wanted_video.push(video.is_wanted);
        if self.is_obedient {
            // A layer that begins again, begins with a keyframe.
            self.encodings = ssrcs;
            self.begin_with_a_keyframe();
        }
    }

    /// Sends video of a codec from now on.
    pub(crate) fn use_codec(&mut self, codec: Codec) {
        let mid = self.mids(MediaKind::Video)[0];
        let of_codec = |pt: &Pt| {
            let mut params = self.rtc.codec_config().params().iter();
            params.any(|params| params.pt() == *pt && params.spec().codec == codec)
        };
        let mut formats = self.rtc.media(mid).unwrap().remote_pts().iter();
        self.video_format = formats.position(of_codec).unwrap();
    }

    /// The SSRC with which a kind is sent.
    pub(crate) fn ssrc(&mut self, kind: MediaKind) -> u32 {
        let mid = self.mids(kind)[0];
        let mut api = self.rtc.direct_api();
        api.stream_tx_by_mid(mid, None).map(|stream| *stream.ssrc()).unwrap()
    }
}
