package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
)

// voices are the audio slots of a participant who watches more than that many others.
const voices = 3

// tertulia speaks docs/protocol.md: REST, the plain dialect, one offer with slots.
type tertulia struct {
	maker
	url, key string
	course   course
	rooms    []string
	users    [][]string // by room, the publishers
}

func (t *tertulia) prepare(ctx context.Context, c course) error {
	t.course = c
	for range c.rooms {
		var made struct{ RoomID string }
		body := map[string]any{"hostId": uuid.NewString(), "settings": map[string]any{"maxParticipants": c.people}}
		if err := t.post(ctx, "/v1/rooms", body, &made); err != nil {
			return err
		}
		t.rooms = append(t.rooms, made.RoomID)
		var users []string
		for range c.publishers {
			users = append(users, uuid.NewString())
		}
		t.users = append(t.users, users)
	}
	return nil
}

// post asks again, as it is told to, while the server cannot reach what it needs.
func (t *tertulia) post(ctx context.Context, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for {
		status, text, err := t.attempt(ctx, path, encoded)
		switch {
		case err != nil:
			return fmt.Errorf("POST %s: %w", path, err)
		case status == http.StatusServiceUnavailable:
			time.Sleep(againAfter)
		case status >= 300:
			return fmt.Errorf("POST %s: %d: %s", path, status, text)
		default:
			return json.Unmarshal(text, answer)
		}
	}
}

const againAfter = 500 * time.Millisecond

func (t *tertulia) attempt(ctx context.Context, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+t.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return response.StatusCode, text, err
}

func (t *tertulia) join(ctx context.Context, who person) (*joined, error) {
	user := uuid.NewString()
	if who.publishes {
		user = t.users[who.room][who.number]
	}
	var grant struct{ Token, WsURL string }
	path := "/v1/rooms/" + t.rooms[who.room] + "/join"
	if err := t.post(ctx, path, map[string]any{"userId": user}, &grant); err != nil {
		return nil, err
	}
	hub, err := dialHub(ctx, grant.WsURL)
	if err != nil {
		return nil, err
	}
	if err := hub.join(map[string]any{"roomId": t.rooms[who.room], "token": grant.Token}); err != nil {
		return nil, err
	}
	go hub.keepAlive()
	return t.connect(ctx, hub, who, user)
}

func (t *tertulia) connect(ctx context.Context, hub *hub, who person, user string) (*joined, error) {
	p, err := t.peer()
	if err != nil {
		return nil, err
	}
	made := &joined{peers: []*peer{p}}
	if who.publishes {
		if made.publisher, err = publishOn(p, user); err != nil {
			return nil, err
		}
	}
	watched := t.course.watched(who)
	if err := slots(p, min(watched, voices), watched); err != nil {
		return nil, err
	}
	offer, err := p.offer()
	if err != nil {
		return nil, err
	}
	if err := hub.call("SendOffer", map[string]any{"targetUserId": "sfu", "sdp": offer, "slots": true}); err != nil {
		return nil, err
	}
	select {
	case answer := <-hub.answers:
		err = p.answered(answer)
	case <-ctx.Done():
		err = fmt.Errorf("waiting for ReceiveAnswer: %w", ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	videos := []map[string]any{}
	for _, other := range t.users[who.room] {
		if other != user {
			videos = append(videos, map[string]any{"userId": other, "source": "camera"})
		}
	}
	if err := hub.call("SetView", map[string]any{"videos": videos}); err != nil {
		return nil, err
	}
	return made, p.wait(ctx)
}

func slots(p *peer, audios, videos int) error {
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for i := range audios + videos {
		kind := webrtc.RTPCodecTypeAudio
		if i >= audios {
			kind = webrtc.RTPCodecTypeVideo
		}
		if _, err := p.AddTransceiverFromKind(kind, only); err != nil {
			return err
		}
	}
	return nil
}

// hub is a connection of the plain dialect.
type hub struct {
	socket  *websocket.Conn
	lock    sync.Mutex
	calls   int
	waiting map[int]chan json.RawMessage
	answers chan string
	closed  chan struct{}
}

func dialHub(ctx context.Context, url string) (*hub, error) {
	socket, _, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	h := &hub{socket: socket, waiting: map[int]chan json.RawMessage{}, answers: make(chan string, 1),
		closed: make(chan struct{})}
	go h.read()
	return h, nil
}

func (h *hub) read() {
	defer close(h.closed)
	for {
		var message struct {
			Event   string
			Payload struct{ SDP string }
			ReplyTo int
			Error   json.RawMessage
		}
		_, frame, err := h.socket.ReadMessage()
		if err != nil || json.Unmarshal(frame, &message) != nil && message.Event == "" && message.ReplyTo == 0 {
			return
		}
		switch {
		case message.Event == "ReceiveAnswer":
			h.answers <- message.Payload.SDP
		case message.Event == "SfuError":
			say(map[string]any{"warning": string(frame)})
		case message.ReplyTo != 0:
			h.lock.Lock()
			waiting := h.waiting[message.ReplyTo]
			delete(h.waiting, message.ReplyTo)
			h.lock.Unlock()
			waiting <- message.Error
		}
	}
}

// call waits for the answer; an error that the hub gave is one.
func (h *hub) call(event string, payload map[string]any) error {
	answer := make(chan json.RawMessage, 1)
	h.lock.Lock()
	h.calls++
	h.waiting[h.calls] = answer
	err := h.socket.WriteJSON(map[string]any{"event": event, "payload": payload, "id": h.calls})
	h.lock.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", event, err)
	}
	select {
	case body := <-answer:
		if body == nil {
			return nil
		}
		refused := refusal{event: event}
		if err := json.Unmarshal(body, &refused); err != nil {
			return fmt.Errorf("%s: %s: %w", event, body, err)
		}
		return refused
	case <-h.closed:
		return fmt.Errorf("%s: the hub closed the connection", event)
	case <-time.After(connectWithin):
		return fmt.Errorf("%s: no answer within %s", event, connectWithin)
	}
}

// refusal is what the hub says to a call that it does not do.
type refusal struct {
	event         string
	Code, Message string
}

func (r refusal) Error() string { return fmt.Sprintf("%s: %s: %s", r.event, r.Code, r.Message) }

// join calls JoinRoom, and again while the server is too busy for it: within 15 s, after which the hub closes.
func (h *hub) join(payload map[string]any) error {
	for {
		err := h.call("JoinRoom", payload)
		var refused refusal
		if !errors.As(err, &refused) || refused.Code != "internal" {
			return err
		}
		time.Sleep(againAfter)
	}
}

const keepAliveEvery = 10 * time.Second

func (h *hub) keepAlive() {
	for {
		select {
		case <-h.closed:
			return
		case <-time.After(keepAliveEvery):
			if err := h.call("KeepAlive", map[string]any{}); err != nil {
				say(map[string]any{"warning": err.Error()})
				return
			}
		}
	}
}
