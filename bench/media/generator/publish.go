package main

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// load is what each publisher sends: frames a second of so many packets, and audio each 20 ms.
type load struct {
	Frames  int  `json:"frames"`
	Packets int  `json:"packets"`
	Even    bool `json:"even"` // the packets of a frame spread over its time, instead of at once
}

// publisher sends canned Opus and VP8, and a keyframe where one is asked for.
type publisher struct {
	audio, video          *webrtc.TrackLocalStaticRTP
	level                 func() uint8
	audioPacket, frame    []byte
	sequences             [2]uint16
	picture               uint16
	wantsKey              atomic.Bool
	sent                  atomic.Int64
	began                 time.Time
	nextAudio, nextPacket time.Time
	part                  int
	timestamp             uint32
	key                   bool
	audioNumber           int64
	keyframes             atomic.Int64
}

const audioEvery = 20 * time.Millisecond

// publishOn adds both tracks to a peer.
func publishOn(p *peer, name string) (*publisher, error) {
	audio, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, name+"-audio", name)
	if err != nil {
		return nil, err
	}
	video, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, name+"-video", name)
	if err != nil {
		return nil, err
	}
	made := &publisher{audio: audio, video: video, audioPacket: canned(audioBytes), frame: canned(videoBytes)}
	made.wantsKey.Store(true)
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	speaking, err := p.AddTransceiverFromTrack(audio, only)
	if err != nil {
		return nil, err
	}
	showing, err := p.AddTransceiverFromTrack(video, only)
	if err != nil {
		return nil, err
	}
	go made.obey(showing.Sender())
	go drain(speaking.Sender())
	made.level = func() uint8 { return levelID(speaking.Sender()) }
	return made, nil
}

func levelID(sender *webrtc.RTPSender) uint8 {
	for _, extension := range sender.GetParameters().HeaderExtensions {
		if extension.URI == levelURI {
			return uint8(extension.ID)
		}
	}
	return 0
}

func drain(sender *webrtc.RTPSender) {
	buffer := make([]byte, packetBytes)
	for {
		if _, _, err := sender.Read(buffer); err != nil {
			return
		}
	}
}

// obey makes the next frame a keyframe when the SFU asks for one. pion answers NACKs.
func (p *publisher) obey(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.wantsKey.Store(true)
			}
		}
	}
}

// start has the first packets due after offset.
func (p *publisher) start(now time.Time, offset time.Duration) {
	p.began = now
	p.nextAudio, p.nextPacket = now.Add(offset), now.Add(offset)
}

// late is what is skipped: sending it all would be a burst that no encoder makes.
const late = 50 * time.Millisecond

// turn sends what is due, and says when the next is.
func (p *publisher) turn(now time.Time, l load) (time.Time, error) {
	p.nextAudio = latest(p.nextAudio, now.Add(-late))
	p.nextPacket = latest(p.nextPacket, now.Add(-late))
	for !p.nextAudio.After(now) {
		p.nextAudio = p.nextAudio.Add(audioEvery)
		if err := p.speak(); err != nil {
			return now, err
		}
	}
	interval := time.Second / time.Duration(l.Frames)
	for !p.nextPacket.After(now) {
		if l.Even {
			p.nextPacket = p.nextPacket.Add(interval / time.Duration(l.Packets))
			if err := p.show(now, l.Packets); err != nil {
				return now, err
			}
			continue
		}
		p.nextPacket = p.nextPacket.Add(interval)
		for range l.Packets {
			if err := p.show(now, l.Packets); err != nil {
				return now, err
			}
		}
	}
	if p.nextAudio.Before(p.nextPacket) {
		return p.nextAudio, nil
	}
	return p.nextPacket, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *publisher) speak() error {
	p.audioNumber++
	header := rtp.Header{Version: 2, SequenceNumber: p.sequences[0], Timestamp: uint32(p.audioNumber * 960)}
	p.sequences[0]++
	if id := p.level(); id != 0 {
		// Speech (RFC 6464): the voice bit, and -30 dBov.
		if err := header.SetExtension(id, []byte{0x80 | 30}); err != nil {
			return err
		}
	}
	p.audioPacket[0] = 0x78 // Opus of 20 ms, one frame (RFC 6716, section 3.1)
	return p.write(p.audio, header, p.audioPacket)
}

func (p *publisher) show(now time.Time, packets int) error {
	if p.part >= packets {
		p.part = 0
	}
	if p.part == 0 {
		p.picture = (p.picture + 1) & 0x7fff
		p.timestamp = uint32(now.Sub(p.began).Microseconds() * 9 / 100)
		p.key = p.wantsKey.Swap(false)
		if p.key {
			p.keyframes.Add(1)
		}
	}
	writeVP8(p.frame, p.picture, p.part == 0, p.key)
	p.part++
	header := rtp.Header{Version: 2, SequenceNumber: p.sequences[1], Timestamp: p.timestamp, Marker: p.part == packets}
	p.sequences[1]++
	return p.write(p.video, header, p.frame)
}

func (p *publisher) write(track *webrtc.TrackLocalStaticRTP, header rtp.Header, payload []byte) error {
	stamp(payload, time.Now().UnixNano())
	p.sent.Add(1)
	return track.WriteRTP(&rtp.Packet{Header: header, Payload: payload})
}
