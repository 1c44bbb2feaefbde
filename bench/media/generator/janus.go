package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// janus speaks the API of Janus's VideoRoom plugin over WebSockets: a handle that publishes, and one that subscribes
// to all publishers of the room over one peer connection.
type janus struct {
	maker
	url    string
	course course
	lock   sync.Mutex
	here   map[int]int // publishers by room
	all    chan struct{}
}

const videoRoom = "janus.plugin.videoroom"

// noSuchFeed is the plugin's error for who does not publish (yet).
const noSuchFeed = 428

const feedAgain = 100 * time.Millisecond

var errNoFeed = errors.New("no such feed")

// uncapped is what a publisher may send, in bits per second.
const uncapped = 100_000_000

func (j *janus) prepare(ctx context.Context, c course) error {
	j.course, j.here, j.all = c, map[int]int{}, make(chan struct{})
	session, err := j.session(ctx)
	if err != nil {
		return err
	}
	handle, err := session.attach()
	if err != nil {
		return err
	}
	for room := range c.rooms {
		_, err := session.message(handle, map[string]any{"request": "create", "room": roomNumber(room),
			"publishers": c.people, "bitrate": uncapped, "bitrate_cap": false, "audiocodec": "opus", "videocodec": "vp8",
			"permanent": false, "notify_joining": false}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func roomNumber(room int) int { return 5000 + room }

func (j *janus) join(ctx context.Context, who person) (*joined, error) {
	session, err := j.session(ctx)
	if err != nil {
		return nil, err
	}
	made := &joined{}
	if who.publishes {
		if err := j.publish(ctx, session, who, made); err != nil {
			return nil, err
		}
	}
	if j.course.watched(who) == 0 {
		return made, nil
	}
	if who.publishes {
		go func() {
			if err := j.subscribeLater(session, who, made); err != nil {
				fail(fmt.Errorf("janus: subscribing: %w", err))
			}
		}()
		return made, nil
	}
	return made, j.subscribe(ctx, session, who, made)
}

func (j *janus) publish(ctx context.Context, session *janusSession, who person, made *joined) error {
	handle, err := session.attach()
	if err != nil {
		return err
	}
	if _, err := session.message(handle, map[string]any{"request": "join", "ptype": "publisher",
		"room": roomNumber(who.room), "id": who.number + 1}, nil); err != nil {
		return err
	}
	p, err := j.peer()
	if err != nil {
		return err
	}
	if made.publisher, err = publishOn(p, strconv.Itoa(who.number)); err != nil {
		return err
	}
	offer, err := p.offer()
	if err != nil {
		return err
	}
	answer, err := session.message(handle, map[string]any{"request": "publish", "bitrate": uncapped},
		jsep("offer", offer))
	if err != nil {
		return err
	}
	if err := p.answered(answer); err != nil {
		return err
	}
	if err := p.wait(ctx); err != nil {
		return err
	}
	j.lock.Lock()
	defer j.lock.Unlock()
	j.here[who.room]++
	total := 0
	for _, count := range j.here {
		total += count
	}
	if total == j.course.rooms*j.course.publishers {
		close(j.all)
	}
	return nil
}

// subscribeLater subscribes when all publishers are there.
func (j *janus) subscribeLater(session *janusSession, who person, made *joined) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*connectWithin)
	defer cancel()
	select {
	case <-j.all:
		return j.subscribe(ctx, session, who, made)
	case <-ctx.Done():
		return fmt.Errorf("waiting for the publishers: %w", ctx.Err())
	}
}

func (j *janus) subscribe(ctx context.Context, session *janusSession, who person, made *joined) error {
	handle, err := session.attach()
	if err != nil {
		return err
	}
	var streams []map[string]any
	for number := range j.course.publishers {
		if !who.publishes || number != who.number {
			streams = append(streams, map[string]any{"feed": number + 1})
		}
	}
	offer, err := session.watch(ctx, handle, map[string]any{"request": "join", "ptype": "subscriber",
		"room": roomNumber(who.room), "streams": streams})
	if err != nil {
		return err
	}
	p, err := j.peer()
	if err != nil {
		return err
	}
	answer, err := p.answer(offer)
	if err != nil {
		return err
	}
	if _, err := session.message(handle, map[string]any{"request": "start"}, jsep("answer", answer)); err != nil {
		return err
	}
	return p.wait(ctx)
}

// janusSession is a WebSocket and the session on it. Requests wait for their answers.
type janusSession struct {
	socket  *websocket.Conn
	id      int64
	lock    sync.Mutex
	calls   int
	waiting map[string]chan janusAnswer
	closed  chan struct{}
}

type janusAnswer struct {
	Janus       string
	Transaction string
	Error       *struct{ Reason string }
	Data        struct{ ID int64 }
	Plugindata  struct {
		Data struct {
			Error     string
			ErrorCode int `json:"error_code"`
		}
	}
	JSEP struct{ SDP string }
}

func (j *janus) session(ctx context.Context) (*janusSession, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"janus-protocol"}}
	socket, _, err := dialer.DialContext(ctx, j.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.url, err)
	}
	s := &janusSession{socket: socket, waiting: map[string]chan janusAnswer{}, closed: make(chan struct{})}
	go s.read()
	answer, err := s.request(map[string]any{"janus": "create"})
	if err != nil {
		return nil, err
	}
	s.id = answer.Data.ID
	go s.keepAlive()
	return s, nil
}

func (s *janusSession) read() {
	defer close(s.closed)
	for {
		_, frame, err := s.socket.ReadMessage()
		if err != nil {
			return
		}
		var answer janusAnswer
		if json.Unmarshal(frame, &answer) != nil {
			return
		}
		if answer.Janus == "ack" && answer.Transaction != "" && !s.isKeepAlive(answer.Transaction) {
			continue // the answer comes as an event
		}
		s.lock.Lock()
		waiting := s.waiting[answer.Transaction]
		delete(s.waiting, answer.Transaction)
		s.lock.Unlock()
		switch {
		case waiting != nil:
			waiting <- answer
		case answer.Error != nil:
			say(map[string]any{"warning": "janus: " + answer.Error.Reason})
		}
	}
}

const keepAliveMark = "k"

func (s *janusSession) isKeepAlive(transaction string) bool { return transaction[:1] == keepAliveMark }

func (s *janusSession) request(body map[string]any) (janusAnswer, error) {
	waiting := make(chan janusAnswer, 1)
	s.lock.Lock()
	s.calls++
	transaction := strconv.Itoa(s.calls)
	if body["janus"] == "keepalive" {
		transaction = keepAliveMark + transaction
	}
	body["transaction"] = transaction
	if s.id != 0 {
		body["session_id"] = s.id
	}
	s.waiting[transaction] = waiting
	// Not WriteJSON: Janus takes the line break after the object for a second request.
	frame, err := json.Marshal(body)
	if err == nil {
		err = s.socket.WriteMessage(websocket.TextMessage, frame)
	}
	s.lock.Unlock()
	if err != nil {
		return janusAnswer{}, err
	}
	select {
	case answer := <-waiting:
		switch {
		case answer.Error != nil:
			return answer, errors.New(answer.Error.Reason)
		case answer.Plugindata.Data.ErrorCode == noSuchFeed:
			return answer, errNoFeed
		case answer.Plugindata.Data.Error != "":
			return answer, errors.New(answer.Plugindata.Data.Error)
		}
		return answer, nil
	case <-s.closed:
		return janusAnswer{}, errors.New("Janus closed the connection")
	case <-time.After(connectWithin):
		return janusAnswer{}, fmt.Errorf("no answer within %s", connectWithin)
	}
}

func (s *janusSession) attach() (int64, error) {
	answer, err := s.request(map[string]any{"janus": "attach", "plugin": videoRoom})
	return answer.Data.ID, err
}

// watch joins as a subscriber. A publisher whose peer connection is up on its own side may not be a feed yet.
func (s *janusSession) watch(ctx context.Context, handle int64, join map[string]any) (string, error) {
	for {
		offer, err := s.message(handle, join, nil)
		if !errors.Is(err, errNoFeed) {
			return offer, err
		}
		select {
		case <-time.After(feedAgain):
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// jsep is a session description as Janus has it.
func jsep(kind, sdp string) map[string]any {
	return map[string]any{"type": kind, "sdp": sdp, "trickle": false}
}

// message sends one to the plugin, with a session description or nil; it gives the description that comes back.
func (s *janusSession) message(handle int64, body, jsep map[string]any) (string, error) {
	request := map[string]any{"janus": "message", "handle_id": handle, "body": body}
	if jsep != nil {
		request["jsep"] = jsep
	}
	answer, err := s.request(request)
	if err != nil {
		return "", fmt.Errorf("%s: %w", body["request"], err)
	}
	return answer.JSEP.SDP, nil
}

// keepAlive keeps the session; Janus ends it after 60 s without a request.
func (s *janusSession) keepAlive() {
	for {
		select {
		case <-s.closed:
			return
		case <-time.After(20 * time.Second):
			if _, err := s.request(map[string]any{"janus": "keepalive"}); err != nil {
				return
			}
		}
	}
}
