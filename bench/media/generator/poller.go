package main

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// turnEvery is how long packets gather before they are read: they have the time when the kernel got them.
	turnEvery     = 500 * time.Microsecond
	feedbackEvery = 100 * time.Millisecond
	events        = 512
)

// poller reads all sockets on one goroutine. What it owns others reach by do.
type poller struct {
	epoll   int
	sockets map[int32]*socket
	asks    chan func()
	reader  *batchReader
}

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &poller{epoll: epoll, sockets: map[int32]*socket{}, asks: make(chan func()), reader: newBatchReader()}, nil
}

// do runs something between two turns of the poller, and waits for it.
func (p *poller) do(what func()) {
	done := make(chan struct{})
	p.asks <- func() { what(); close(done) }
	<-done
}

// add has a socket read from now on.
func (p *poller) add(s *socket) error {
	var err error
	p.do(func() {
		p.sockets[int32(s.fd)] = s
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)}
		err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, &event)
	})
	return err
}

// run reads for ever.
func (p *poller) run() {
	ready := make([]unix.EpollEvent, events)
	lastFeedback, second := time.Now(), 0
	for {
		select {
		case ask := <-p.asks:
			ask()
		default:
		}
		count, err := unix.EpollWait(p.epoll, ready, 0)
		if err != nil && err != unix.EINTR {
			panic(err)
		}
		full := false
		for _, event := range ready[:max(count, 0)] {
			full = p.read(p.sockets[event.Fd]) || full
		}
		if now := time.Now(); now.Sub(lastFeedback) >= feedbackEvery {
			lastFeedback = now
			second = (second + 1) % 10
			p.feedback(now.UnixNano(), second == 0)
		}
		if full || count == events {
			runtime.Gosched()
		} else {
			time.Sleep(turnEvery)
		}
	}
}

// read takes a batch of a socket; true if there may be more.
func (p *poller) read(s *socket) bool {
	n := p.reader.read(s.fd)
	for i := range n {
		packet, now := p.reader.packet(i)
		if !isRTP(packet) {
			s.give(packet, p.reader.source(i))
			continue
		}
		r := s.receiver
		if r.negotiated == nil || r.packet(packet, now, r.negotiated) {
			s.give(packet, p.reader.source(i))
		}
	}
	return n == batch
}

func (p *poller) feedback(now int64, everySecond bool) {
	for _, s := range p.sockets {
		if r := s.receiver; r.write != nil && len(r.streams) > 0 {
			if packets := r.reports(now, everySecond); len(packets) > 0 {
				r.write(packets)
			}
		}
	}
}
