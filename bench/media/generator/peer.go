package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const (
	transportURI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	levelURI     = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	midURI       = "urn:ietf:params:rtp-hdrext:sdes:mid"
)

// connectWithin is how long ICE and DTLS may take on a machine that is busy with the others'.
const connectWithin = 30 * time.Second

// peer is one PeerConnection on a socket of its own, read by the poller.
type peer struct {
	*webrtc.PeerConnection
	socket    *socket
	poller    *poller
	samples   *samples
	connected chan struct{}
	failed    chan error
}

// newPeer makes a peer that answers and asks as a browser does: transport-wide feedback both ways, NACK, RTX, reports.
func newPeer(ip net.IP, p *poller, samples *samples) (*peer, error) {
	s, err := newSocket(ip)
	if err != nil {
		return nil, err
	}
	s.receiver = newReceiver()
	connection, err := newConnection(s)
	if err != nil {
		s.close()
		return nil, err
	}
	made := &peer{connection, s, p, samples, make(chan struct{}), make(chan error, 1)}
	connection.OnConnectionStateChange(made.changed)
	connection.OnTrack(made.watch)
	s.receiver.write = func(packets []rtcp.Packet) {
		// Until DTLS is done there is nothing to encrypt with; then nothing can fail but a socket that closes.
		_ = connection.WriteRTCP(packets)
	}
	return made, p.add(s)
}

func newConnection(s *socket) (*webrtc.PeerConnection, error) {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := register(engine); err != nil {
		return nil, err
	}
	// Only what a sender needs: this program counts, reports and asks by itself, see receiver.go.
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry); err != nil {
		return nil, err
	}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, err
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, err
	}
	registry.Add(responder)
	registry.Add(reports)
	settings := webrtc.SettingEngine{}
	settings.SetICEUDPMux(mux{s})
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetReceiveMTU(packetBytes)
	// A handshake that waits its turn on a busy core is none that has failed.
	settings.SetICETimeouts(15*time.Second, connectWithin, 2*time.Second)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
}

func register(engine *webrtc.MediaEngine) error {
	transport := webrtc.RTCPFeedback{Type: "transport-cc"}
	video := []webrtc.RTCPFeedback{
		transport, {Type: "goog-remb"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		SDPFmtpLine: "minptime=10;useinbandfec=1", RTCPFeedback: []webrtc.RTCPFeedback{transport}}
	vp8 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: video}
	rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}
	errs := []error{
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: 96}, webrtc.RTPCodecTypeVideo),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 97}, webrtc.RTPCodecTypeVideo),
		engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio),
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		errs = append(errs, engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: midURI}, kind))
	}
	return errors.Join(errs...)
}

func (p *peer) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		select {
		case <-p.connected:
		default:
			close(p.connected)
		}
	case webrtc.PeerConnectionStateFailed:
		select {
		case p.failed <- errors.New("ICE or DTLS failed"):
		default:
		}
	}
}

// wait returns when media can flow.
func (p *peer) wait(ctx context.Context) error {
	select {
	case <-p.connected:
		return nil
	case err := <-p.failed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("connecting: %w", ctx.Err())
	}
}

// watch reads the samples of a track.
func (p *peer) watch(track *webrtc.TrackRemote, from *webrtc.RTPReceiver) {
	go p.readReports(from)
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		arrived, known := p.socket.receiver.arrival(uint32(track.SSRC()), packet.SequenceNumber)
		if !known {
			continue
		}
		sent, whole := sentAt(packet.Payload)
		p.samples.add(arrived-sent, whole)
	}
}

// readReports notes sender reports, which receiver reports refer to.
func (p *peer) readReports(from *webrtc.RTPReceiver) {
	for {
		packets, _, err := from.ReadRTCP()
		if err != nil {
			return
		}
		now := time.Now().UnixNano()
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.SenderReport); ok {
				p.poller.do(func() {
					if s := p.socket.receiver.streams[report.SSRC]; s != nil {
						s.lsr, s.lsrAt = uint32(report.NTPTime>>16), now
					}
				})
			}
		}
	}
}

// describe sets the local description and gives it with all candidates.
func (p *peer) describe(description webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(description); err != nil {
		return "", err
	}
	<-gathered
	return p.LocalDescription().SDP, nil
}

// offer gives the SDP of an offer of what was added.
func (p *peer) offer() (string, error) {
	offer, err := p.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	return p.describe(offer)
}

// answered takes the answer to it.
func (p *peer) answered(sdp string) error {
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		return err
	}
	return p.settle(sdp)
}

// answer takes an offer and gives the SDP of the answer.
func (p *peer) answer(sdp string) (string, error) {
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}); err != nil {
		return "", err
	}
	answer, err := p.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	described, err := p.describe(answer)
	if err != nil {
		return "", err
	}
	return described, p.settle(sdp)
}

// settle has the poller read packets by the description of who sends them.
func (p *peer) settle(remote string) error {
	n, err := readDescription(remote)
	if err != nil {
		return err
	}
	p.poller.do(func() { p.socket.receiver.negotiated = n })
	return nil
}

var (
	rtxLine = regexp.MustCompile(`(?mi)^a=rtpmap:(\d+) rtx/`)
	extLine = regexp.MustCompile(`(?m)^a=extmap:(\d+)(?:/\w+)? (\S+)`)
)

// readDescription takes from an SDP the payload types of retransmissions and the number of transport-wide feedback.
func readDescription(sdp string) (*negotiated, error) {
	n := &negotiated{}
	for _, found := range rtxLine.FindAllStringSubmatch(sdp, -1) {
		number, err := strconv.ParseUint(found[1], 10, 7)
		if err != nil {
			return nil, fmt.Errorf("a=rtpmap: %w", err)
		}
		n.repair[number] = true
	}
	for _, found := range extLine.FindAllStringSubmatch(sdp, -1) {
		if !strings.EqualFold(found[2], transportURI) {
			continue
		}
		number, err := strconv.ParseUint(found[1], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("a=extmap: %w", err)
		}
		n.transportID = byte(number)
	}
	return n, nil
}
