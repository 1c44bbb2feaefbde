//! A client on str0m: slots for what it watches, and a microphone and a camera that send noise of the right size.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use sfu_driver::sfu::{Command, PeerId, Source, WantedVideo};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsVersion;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// Bytes of a video packet's payload: what browsers send.
const VIDEO: usize = 1_100;
/// Bytes of the VP8 payload descriptor that a client sends, and the first of the frame.
const DESCRIPTOR: usize = 7;
/// Bytes of 20 ms of Opus at 32 kbit/s.
const AUDIO: usize = 80;
/// How late a packet is still sent.
const LATE: Duration = Duration::from_millis(50);
/// Datagrams read before the next client has its turn.
const READS: usize = 64;

pub(crate) struct Client {
    pub(crate) room: String,
    pub(crate) name: String,
    pub(crate) connected: bool,
    /// How long each video packet that came took from one client to the other, if it `feeds_back`.
    pub(crate) delays: Vec<Duration>,
    /// Between packets of audio: other than what they carry, so that many clients are less work.
    pub(crate) audio_every: Duration,
    clock: Instant,
    feeds_back: bool,
    sends: bool,
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    publishes: Option<(Mid, Mid)>,
    frame_every: Duration,
    frame_packets: usize,
    next_audio: Instant,
    next_video: Instant,
    /// The next sequence numbers of audio and of video.
    sequences: [u64; 2],
    picture: u16,
    timeout: Instant,
}

fn session(version: DtlsVersion, now: Instant) -> Rtc {
    RtcConfig::new().set_rtp_mode(true).set_dtls_version(version).build(now)
}

impl Client {
    pub(crate) fn new(
        room: &str,
        name: String,
        frames: u32,
        frame_packets: usize,
        feeds_back: bool,
        now: Instant,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        Client {
            room: room.to_owned(),
            name,
            connected: false,
            delays: Vec::new(),
            audio_every: Duration::from_millis(20),
            clock: now,
            feeds_back,
            sends: false,
            rtc: session(DtlsVersion::Auto, now),
            local: socket.local_addr().expect("bound"),
            socket,
            pending: None,
            publishes: None,
            frame_every: Duration::from_secs(1) / frames,
            frame_packets,
            next_audio: now,
            next_video: now,
            sequences: [1, 1],
            picture: 1,
            timeout: now,
        }
    }

    /// Has it speak this version of DTLS, before it offers.
    pub(crate) fn speak(&mut self, version: DtlsVersion, now: Instant) {
        self.rtc = session(version, now);
    }

    /// With slots for so many of others.
    pub(crate) fn offer(&mut self, publishes: bool, audios: usize, videos: usize) -> Command {
        self.rtc
            .add_local_candidate(Candidate::host(self.local, "udp").expect("an address"));
        let mut api = self.rtc.sdp_api();
        if publishes {
            let audio = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
            let video = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
            self.publishes = Some((audio, video));
        }
        for _ in 0..audios {
            api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        for _ in 0..videos {
            api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = api.apply().expect("media was added");
        self.pending = Some(pending);
        Command::Offer {
            peer: PeerId {
                room: (*self.room).into(),
                transport: (*self.name).into(),
                user: (*self.name).into(),
                seat: (*self.name).into(),
            },
            sdp: offer.to_sdp_string(),
            slots: true,
            tracks: Vec::new(),
            name: String::new(),
            recording: None,
        }
    }

    pub(crate) fn view(&self, publishers: &[String]) -> Command {
        let others = publishers.iter().filter(|&name| *name != self.name);
        let wanted = |name: &String| WantedVideo {
            user: (**name).into(),
            source: Source::Camera,
            max_height: None,
        };
        Command::View {
            transport: (*self.name).into(),
            videos: others.map(wanted).collect(),
        }
    }

    pub(crate) fn answered(&mut self, sdp: &str) {
        let answer = SdpAnswer::from_sdp_string(sdp).expect("an SDP");
        let pending = self.pending.take().expect("one answer to one offer");
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .expect("an answer to this offer");
        // When it was last asked, the session had nothing to do before a timeout of three seconds.
        self.timeout = self.clock;
    }

    /// Begins to send.
    pub(crate) fn start(&mut self, now: Instant) {
        self.sends = self.publishes.is_some();
        (self.next_audio, self.next_video) = (now, now);
    }

    /// Sends nothing more.
    pub(crate) fn stop(&mut self) {
        self.sends = false;
    }

    /// Reads, sends what is due, writes. `false`: there was nothing to do.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        let mut busy = self.read(now);
        if self.sends {
            busy |= self.publish(now);
        }
        if busy || now >= self.timeout {
            self.rtc.handle_input(Input::Timeout(now)).expect("a live peer");
            self.write();
        }
        busy
    }

    fn read(&mut self, now: Instant) -> bool {
        let mut buffer = [0; 2_048];
        for n in 0..READS {
            let (length, source) = match self.socket.recv_from(&mut buffer) {
                Ok(got) => got,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return n > 0,
                Err(e) => panic!("{e}"),
            };
            let is_rtp = (128..192).contains(&buffer[0]) && !(192..224).contains(&buffer[1]);
            if is_rtp && !self.feeds_back {
                continue;
            }
            let packet = Receive::new(Protocol::Udp, source, self.local, &buffer[..length]).expect("a WebRTC packet");
            self.rtc.handle_input(Input::Receive(now, packet)).expect("a live peer");
            self.write();
        }
        true
    }

    fn publish(&mut self, now: Instant) -> bool {
        let Some((audio, video)) = self.publishes else {
            return false;
        };
        // Packets that are too late are skipped: sending them all would be a burst that no encoder makes.
        let earliest = now.checked_sub(LATE).unwrap_or(now);
        self.next_audio = self.next_audio.max(earliest);
        self.next_video = self.next_video.max(earliest);
        let mut busy = false;
        while now >= self.next_audio {
            self.next_audio += self.audio_every;
            let levels = ExtensionValues {
                audio_level: Some(-30),
                voice_activity: Some(true),
                ..Default::default()
            };
            self.send(MediaKind::Audio, audio, now, vec![0xfc; AUDIO], true, levels);
            busy = true;
        }
        while now >= self.next_video {
            self.next_video += self.frame_every;
            self.picture = (self.picture + 1) & 0x7fff;
            for part in 0..self.frame_packets {
                let [high, low] = (self.picture | 0x8000).to_be_bytes();
                // VP8 payload descriptor (RFC 7741, section 4.2); every frame says it is a keyframe.
                let mut payload = vec![
                    if part == 0 { 0x90 } else { 0x80 },
                    0xe0,
                    high,
                    low,
                    self.picture as u8,
                    0,
                    0,
                ];
                payload.extend_from_slice(&self.clock.elapsed().as_nanos().to_be_bytes());
                payload.resize(VIDEO, 7);
                self.send(
                    MediaKind::Video,
                    video,
                    now,
                    payload,
                    part + 1 == self.frame_packets,
                    ExtensionValues::default(),
                );
            }
            busy = true;
        }
        busy
    }

    fn send(
        &mut self,
        kind: MediaKind,
        mid: Mid,
        now: Instant,
        payload: Vec<u8>,
        marker: bool,
        extensions: ExtensionValues,
    ) {
        let pt = self
            .rtc
            .media(mid)
            .and_then(|media| media.remote_pts().first().copied())
            .expect("a codec");
        let sequence = &mut self.sequences[usize::from(kind == MediaKind::Video)];
        let timestamp = match kind {
            // 20 ms of 48 kHz.
            MediaKind::Audio => (*sequence as u32).wrapping_mul(960),
            MediaKind::Video => u32::from(self.picture).wrapping_mul(3_000),
        };
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a stream of ours");
        let write = RtpWrite::new(pt, (*sequence).into(), timestamp, now, payload);
        stream.write_rtp(
            write
                .marker(marker)
                .nackable(kind == MediaKind::Video)
                .ext_vals(extensions),
        );
        *sequence += 1;
        // str0m queues what is written; its queues stay short if each packet goes out at once.
        self.write();
    }

    fn write(&mut self) {
        loop {
            match self.rtc.poll_output().expect("a live peer") {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return;
                }
                // A full socket buffer is loss, as on a network.
                Output::Transmit(transmit) => drop(self.socket.send_to(&transmit.contents, transmit.destination)),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) if packet.payload.len() == VIDEO => {
                    let sent = packet.payload[DESCRIPTOR..DESCRIPTOR + 16]
                        .try_into()
                        .expect("16 bytes");
                    let sent = Duration::from_nanos(u128::from_be_bytes(sent) as u64);
                    self.delays.push(self.clock.elapsed().saturating_sub(sent));
                }
                Output::Event(_) => {}
            }
        }
    }
}
