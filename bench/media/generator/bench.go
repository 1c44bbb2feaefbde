package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// bench obeys the commands.
type bench struct {
	poller  *poller
	samples *samples
	people  []*joined
	loads   chan load
	before  totals
}

// totals are counters that only grow.
type totals struct {
	at       time.Time
	cpu      time.Duration
	sent     int64
	overflow int64
	keys     int64
	repairs  int64
	numbered int64
}

type command struct {
	Do   string `json:"do"`
	Load load   `json:"load"`
}

func (b *bench) obey(lines *json.Decoder) error {
	for {
		var c command
		if err := lines.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := b.one(c); err != nil {
			return err
		}
	}
}

func (b *bench) one(c command) error {
	var err error
	switch c.Do {
	case "send":
		if c.Load.Frames < 1 || c.Load.Packets < 1 {
			return fmt.Errorf("a load needs frames and packets: %+v", c.Load)
		}
		b.send(c.Load)
	case "begin":
		// All at one moment, or a generator that is short of CPU would count by different windows.
		b.poller.do(func() {
			for _, s := range b.poller.sockets {
				for _, stream := range s.receiver.streams {
					stream.begin()
				}
			}
			b.samples.reset()
			b.before, err = b.totals()
		})
		if err == nil {
			say(map[string]any{"begun": true})
		}
	case "end":
		err = b.end()
	default:
		return fmt.Errorf("unknown command: %q", c.Do)
	}
	return err
}

// send has publishers send from now on, out of step with each other, as people are.
func (b *bench) send(l load) {
	if b.loads != nil {
		b.loads <- l
		return
	}
	b.loads = make(chan load, 1)
	var publishers []*publisher
	for _, one := range b.people {
		if one.publisher != nil {
			publishers = append(publishers, one.publisher)
		}
	}
	now := time.Now()
	for i, p := range publishers {
		p.start(now, time.Duration(i)*time.Second/time.Duration(l.Frames*len(publishers)))
	}
	if len(publishers) > 0 {
		go publish(publishers, l, b.loads)
	} else {
		go drainLoads(b.loads)
	}
}

func drainLoads(loads <-chan load) {
	for range loads {
	}
}

func publish(publishers []*publisher, l load, loads <-chan load) {
	for {
		select {
		case l = <-loads:
		default:
		}
		now := time.Now()
		next := now.Add(audioEvery)
		for _, p := range publishers {
			due, err := p.turn(now, l)
			if err != nil {
				fail(fmt.Errorf("sending: %w", err))
			}
			if due.Before(next) {
				next = due
			}
		}
		time.Sleep(time.Until(next))
	}
}

// totals is for the poller's turn.
func (b *bench) totals() (totals, error) {
	t := totals{at: time.Now()}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return t, err
	}
	t.cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	snmp, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return t, err
	}
	if t.overflow, err = overflow(string(snmp)); err != nil {
		return t, err
	}
	for _, one := range b.people {
		if one.publisher != nil {
			t.sent += one.publisher.sent.Load()
			t.keys += one.publisher.keyframes.Load()
		}
	}
	for _, s := range b.poller.sockets {
		t.repairs += s.receiver.repairs
		t.numbered += s.receiver.numbered
		t.overflow += s.dropped.Load()
	}
	return t, nil
}

// overflow reads from /proc/net/snmp how many datagrams found a full buffer.
func overflow(snmp string) (int64, error) {
	var names []string
	for line := range strings.Lines(snmp) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RcvbufErrors" && i < len(fields) {
				var count int64
				_, err := fmt.Sscan(fields[i], &count)
				return count, err
			}
		}
	}
	return 0, errors.New("no RcvbufErrors in /proc/net/snmp")
}

func (b *bench) end() error {
	var delivered, padding, lost int64
	var after totals
	var err error
	b.poller.do(func() {
		for _, s := range b.poller.sockets {
			for _, stream := range s.receiver.streams {
				delivered += stream.arrived - stream.padding
				padding += stream.padding
				lost += stream.lost()
			}
		}
		after, err = b.totals()
	})
	if err != nil {
		return err
	}
	say(map[string]any{
		"seconds":    after.at.Sub(b.before.at).Seconds(),
		"cpuSeconds": (after.cpu - b.before.cpu).Seconds(),
		"sent":       after.sent - b.before.sent,
		"delivered":  delivered, "padding": padding, "lost": lost,
		"repairs":  after.repairs - b.before.repairs,
		"numbered": after.numbered - b.before.numbered,
		"overflow": after.overflow - b.before.overflow,
		"keys":     after.keys - b.before.keys,
		"sampled":  b.samples.total, "wrong": b.samples.wrong,
		"p50": b.samples.quantile(0.5), "p99": b.samples.quantile(0.99), "p999": b.samples.quantile(0.999),
	})
	return nil
}
