// Command pion is the media of several members of a meeting, on pion. Its caller does the signaling: it writes events to
// stdin and reads calls from stdout, one JSON object a line, each with the number of the member.
//
// usage: pion <picture> <sound> [rsa]: a VP8 keyframe and an Opus packet, in hexadecimal digits
package main

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// message is an event to a member, or a call or report of one.
type message struct {
	Member int    `json:"member"`
	Name   string `json:"name"`
	SDP    string `json:"sdp,omitempty"`
	Stream string `json:"stream,omitempty"`
	Kind   string `json:"kind,omitempty"`
}

var (
	stdout sync.Mutex
	// picture is a VP8 keyframe, sound a packet of Opus.
	picture, sound []byte
)

func say(m message) {
	stdout.Lock()
	defer stdout.Unlock()
	line, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// member is one peer connection.
type member struct {
	number     int
	connection *webrtc.PeerConnection
	events     chan message
}

// configuration has a certificate of RSA if the third argument is "rsa", as other stacks have.
func configuration() (webrtc.Configuration, error) {
	if len(os.Args) < 4 || os.Args[3] != "rsa" {
		return webrtc.Configuration{}, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return webrtc.Configuration{}, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Configuration{}, err
	}
	return webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}}, nil
}

func newMember(number int) (*member, error) {
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine))
	configuration, err := configuration()
	if err != nil {
		return nil, err
	}
	connection, err := api.NewPeerConnection(configuration)
	if err != nil {
		return nil, err
	}
	m := &member{number: number, connection: connection, events: make(chan message, 100)}
	connection.OnTrack(m.receive)
	for _, codec := range []string{webrtc.MimeTypeOpus, webrtc.MimeTypeVP8} {
		if err := m.send(codec); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// send adds a track and writes to it until the process ends.
func (m *member) send(codec string) error {
	capability := webrtc.RTPCodecCapability{MimeType: codec}
	track, err := webrtc.NewTrackLocalStaticSample(capability, codec[:5], "pion")
	if err != nil {
		return err
	}
	if _, err := m.connection.AddTrack(track); err != nil {
		return err
	}
	sample := media.Sample{Data: picture, Duration: 20 * time.Millisecond}
	if codec == webrtc.MimeTypeOpus {
		sample.Data = sound
	}
	go func() {
		for range time.Tick(sample.Duration) {
			// Before the connection is up there is nobody to write to.
			_ = track.WriteSample(sample)
		}
	}()
	return nil
}

// receive reports each tenth packet of a track.
func (m *member) receive(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for count := 1; ; count++ {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		if count%10 == 0 {
			say(message{Member: m.number, Name: "got", Stream: track.StreamID(), Kind: track.Kind().String()})
		}
	}
}

func (m *member) offer() error {
	offer, err := m.connection.CreateOffer(nil)
	if err != nil {
		return err
	}
	return m.describe(offer, "SendOffer")
}

// describe sets a local description and sends it when all candidates are known.
func (m *member) describe(description webrtc.SessionDescription, call string) error {
	gathered := webrtc.GatheringCompletePromise(m.connection)
	if err := m.connection.SetLocalDescription(description); err != nil {
		return err
	}
	<-gathered
	say(message{Member: m.number, Name: call, SDP: m.connection.LocalDescription().SDP})
	return nil
}

func (m *member) handle(event message) error {
	switch event.Name {
	case "Start":
		return m.offer()
	case "ReceiveAnswer":
		answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: event.SDP}
		return m.connection.SetRemoteDescription(answer)
	case "ReceiveOffer":
		offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: event.SDP}
		if err := m.connection.SetRemoteDescription(offer); err != nil {
			return err
		}
		answer, err := m.connection.CreateAnswer(nil)
		if err != nil {
			return err
		}
		return m.describe(answer, "SendAnswer")
	}
	return fmt.Errorf("no such event: %s", event.Name)
}

func (m *member) run() {
	for event := range m.events {
		if err := m.handle(event); err != nil {
			say(message{Member: m.number, Name: "failed", SDP: err.Error()})
		}
	}
}

func fromHex(digits string) []byte {
	data, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return data
}

func main() {
	picture, sound = fromHex(os.Args[1]), fromHex(os.Args[2])
	members := map[int]*member{}
	lines := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var event message
		if err := lines.Decode(&event); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
		m := members[event.Member]
		if m == nil {
			var err error
			if m, err = newMember(event.Member); err != nil {
				panic(err)
			}
			members[event.Member] = m
			go m.run()
		}
		m.events <- event
	}
}
