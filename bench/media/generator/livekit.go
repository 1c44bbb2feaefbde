package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of LiveKit's signaling (livekit_rtc.proto) that are used here.
const (
	requestOffer, requestAnswer, requestAddTrack, requestPing         = 1, 2, 4, 14
	responseAnswer, responseOffer, responseTrickle, responsePublished = 2, 3, 4, 6
	responseLeave                                                     = 8
	trackAudio, trackVideo                                            = 0, 1
	sourceCamera, sourceMicrophone                                    = 1, 2
	targetPublisher                                                   = 0
)

// livekit speaks LiveKit's signaling: a peer that publishes, and one that subscribes and is offered everything.
type livekit struct {
	maker
	url, key, secret string
	course           course
}

func (l *livekit) prepare(_ context.Context, c course) error {
	l.course = c
	return nil // rooms are made by who joins first
}

// token is a JWT (RFC 7519) that lets its bearer join a room.
func (l *livekit) token(room, identity string) string {
	encode := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now().Unix()
	signed := encode(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + encode(map[string]any{
		"iss": l.key, "sub": identity, "nbf": now - 60, "exp": now + 3600,
		"video": map[string]any{"roomJoin": true, "room": room},
	})
	mac := hmac.New(sha256.New, []byte(l.secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (l *livekit) join(ctx context.Context, who person) (*joined, error) {
	room, identity := fmt.Sprintf("bench-%d", who.room), fmt.Sprintf("person-%d", who.number)
	query := url.Values{"access_token": {l.token(room, identity)}, "auto_subscribe": {"1"}, "protocol": {"15"},
		"sdk": {"go"}, "version": {"2.0.0"}}
	socket, _, err := websocket.DefaultDialer.DialContext(ctx, l.url+"/rtc?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.url, err)
	}
	member := &livekitMember{socket: socket, maker: l.maker, published: make(chan struct{}, 2),
		answers: make(chan string, 1), subscribed: make(chan *peer, 1), failed: make(chan error, 1)}
	go member.read()
	go member.ping()
	made := &joined{}
	if who.publishes {
		p, err := member.publish(ctx, identity, made)
		if err != nil {
			return nil, err
		}
		member.publishing.Store(p)
		return made, p.wait(ctx)
	}
	select {
	case p := <-member.subscribed:
		return made, p.wait(ctx)
	case err := <-member.failed:
		return nil, err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the SFU's offer: %w", ctx.Err())
	}
}

// livekitMember is one connection of the signaling.
type livekitMember struct {
	maker
	socket     *websocket.Conn
	lock       sync.Mutex
	publishing held
	subscriber held
	published  chan struct{}
	answers    chan string
	subscribed chan *peer
	failed     chan error
}

func (m *livekitMember) send(field protowire.Number, body []byte) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	message := protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), body)
	return m.socket.WriteMessage(websocket.BinaryMessage, message)
}

// ping keeps the connection alive; LiveKit gives up after 15 s without one.
func (m *livekitMember) ping() {
	for range time.Tick(5 * time.Second) {
		m.lock.Lock()
		message := protowire.AppendTag(nil, requestPing, protowire.VarintType)
		message = protowire.AppendVarint(message, uint64(time.Now().UnixMilli()))
		err := m.socket.WriteMessage(websocket.BinaryMessage, message)
		m.lock.Unlock()
		if err != nil {
			return
		}
	}
}

func text(message []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, field, protowire.BytesType), value)
}

func number(message []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(message, field, protowire.VarintType), value)
}

func description(kind, sdp string, id uint64) []byte {
	return number(text(text(nil, 1, kind), 2, sdp), 3, id)
}

func (m *livekitMember) publish(ctx context.Context, name string, made *joined) (*peer, error) {
	p, err := m.peer()
	if err != nil {
		return nil, err
	}
	if made.publisher, err = publishOn(p, name); err != nil {
		return nil, err
	}
	audio := number(number(text(text(nil, 1, name+"-audio"), 2, "audio"), 3, trackAudio), 8, sourceMicrophone)
	video := number(number(text(text(nil, 1, name+"-video"), 2, "video"), 3, trackVideo), 8, sourceCamera)
	video = number(number(video, 4, 1280), 5, 720)
	for _, track := range [][]byte{audio, video} {
		if err := m.send(requestAddTrack, track); err != nil {
			return nil, err
		}
		select {
		case <-m.published:
		case err := <-m.failed:
			return nil, err
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for track_published: %w", ctx.Err())
		}
	}
	offer, err := p.offer()
	if err != nil {
		return nil, err
	}
	if err := m.send(requestOffer, description("offer", offer, 1)); err != nil {
		return nil, err
	}
	select {
	case answer := <-m.answers:
		return p, p.answered(answer)
	case err := <-m.failed:
		return nil, err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the answer: %w", ctx.Err())
	}
}

func (m *livekitMember) read() {
	for {
		_, frame, err := m.socket.ReadMessage()
		if err == nil {
			err = m.take(frame)
		}
		if err != nil {
			select {
			case m.failed <- err:
			default:
			}
			say(map[string]any{"warning": "livekit: " + err.Error()})
			return
		}
	}
}

func (m *livekitMember) take(frame []byte) error {
	message, err := readFields(frame)
	if err != nil {
		return err
	}
	for field, body := range message.bytes {
		inner, err := readFields(body)
		if err != nil && (field == responseAnswer || field == responseOffer || field == responseTrickle) {
			return err
		}
		switch field {
		case responseAnswer:
			m.answers <- string(inner.bytes[2])
		case responseOffer:
			err = m.offered(string(inner.bytes[2]), inner.numbers[3])
		case responseTrickle:
			err = m.candidate(string(inner.bytes[1]), inner.numbers[2])
		case responsePublished:
			m.published <- struct{}{}
		case responseLeave:
			err = errors.New("the SFU let it go")
		default:
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// offered answers what the SFU offers; the first time by a new peer.
func (m *livekitMember) offered(sdp string, id uint64) error {
	p := m.subscriber.Load()
	isNew := p == nil
	if isNew {
		var err error
		if p, err = m.peer(); err != nil {
			return err
		}
	}
	answer, err := p.answer(sdp)
	if err != nil {
		return err
	}
	m.subscriber.Store(p)
	if isNew {
		m.subscribed <- p
	}
	return m.send(requestAnswer, description("answer", answer, id))
}

func (m *livekitMember) candidate(text string, target uint64) error {
	var candidate webrtc.ICECandidateInit
	if err := json.Unmarshal([]byte(text), &candidate); err != nil {
		return err
	}
	to := &m.subscriber
	if target == targetPublisher {
		to = &m.publishing
	}
	return to.add(candidate)
}

// held is a peer that may have candidates before it is there.
type held struct {
	lock  sync.Mutex
	peer  *peer
	early []webrtc.ICECandidateInit
}

func (h *held) Load() *peer {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.peer
}

// Store has the peer, and gives it the candidates that came earlier.
func (h *held) Store(p *peer) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.peer = p
	for _, candidate := range h.early {
		if err := p.AddICECandidate(candidate); err != nil {
			say(map[string]any{"warning": err.Error()})
		}
	}
	h.early = nil
}

func (h *held) add(candidate webrtc.ICECandidateInit) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.peer == nil {
		h.early = append(h.early, candidate)
		return nil
	}
	return h.peer.AddICECandidate(candidate)
}

// fields are those of a protobuf message, the last of each number.
type fields struct {
	bytes   map[protowire.Number][]byte
	numbers map[protowire.Number]uint64
}

// readFields reads a protobuf message without its schema.
func readFields(message []byte) (fields, error) {
	read := fields{map[protowire.Number][]byte{}, map[protowire.Number]uint64{}}
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return read, protowire.ParseError(n)
		}
		message = message[n:]
		switch kind {
		case protowire.BytesType:
			read.bytes[field], n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			read.numbers[field], n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return read, protowire.ParseError(n)
		}
		message = message[n:]
	}
	return read, nil
}
