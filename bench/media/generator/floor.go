package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sinks are people without signaling: sockets to which the floor is sent.
type sinks struct{ maker }

func (s *sinks) prepare(context.Context, course) error { return nil }

func (s *sinks) join(context.Context, person) (*joined, error) {
	made, err := newSocket(s.ip)
	if err != nil {
		return nil, err
	}
	made.receiver = newReceiver()
	made.receiver.isClear, made.receiver.onClear = true, s.samples.add
	made.receiver.negotiated = &negotiated{}
	return &joined{peers: []*peer{{socket: made}}}, s.poller.add(made)
}

// clearTime is when a packet of the floor was sent: its last bytes are not encrypted.
func clearTime(packet []byte) (int64, bool) {
	if len(packet) < trailerBytes || binary.BigEndian.Uint64(packet[len(packet)-trailerBytes:]) != mark {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(packet[len(packet)-8:])), true
}

// Bytes of a packet around its payload: an RTP header with the extensions that a subscriber gets, and the tag of GCM.
const (
	rtpBytes = 24
	tagBytes = 16
)

// runsAtOnce go out by one sendmmsg(2).
const runsAtOnce = 16

// floor does what forwarding is at the least: for each packet and receiver a header, AES-GCM, and the kernel.
func floor(flags *flag.FlagSet, c *course) error {
	mode := flags.String("mode", "gso", "gso: a frame is one send; single: a packet is one")
	l := load{}
	flags.IntVar(&l.Frames, "frames", 30, "a second")
	flags.IntVar(&l.Packets, "packets", 4, "of a frame")
	flags.BoolVar(&l.Even, "even", false, "packets spread over the time of a frame")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	if *mode != "gso" && *mode != "single" || l.Frames < 1 || l.Packets < 1 || l.Packets > 44 {
		return errors.New("floor: -mode gso or single, -frames from 1, -packets from 1 to 44")
	}
	if flags.NArg() != c.rooms*c.people {
		return fmt.Errorf("floor: %d addresses for %d people", flags.NArg(), c.rooms*c.people)
	}
	sender, err := newFloorSender(*mode == "gso", flags.Args())
	if err != nil {
		return err
	}
	return sender.run(*c, l)
}

type floorSender struct {
	fd        int
	gso       bool
	receivers []floorReceiver
	plain     []byte
	runs      [runsAtOnce]floorRun
	messages  [runsAtOnce]mmsghdr
	waiting   int
}

type floorReceiver struct {
	address unix.RawSockaddrInet4
	seal    cipher.AEAD
	numbers map[uint32]uint64
}

// floorRun is one send: packets of the same size to one receiver.
type floorRun struct {
	data    []byte
	vector  unix.Iovec
	control [24]byte
}

func newFloorSender(gso bool, addresses []string) (*floorSender, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	s := &floorSender{fd: fd, gso: gso, plain: canned(videoBytes)}
	for i, address := range addresses {
		r := floorReceiver{numbers: map[uint32]uint64{}}
		if r.address, err = rawAddress(address); err != nil {
			return nil, err
		}
		block, err := aes.NewCipher([]byte(fmt.Sprintf("%016d", i)))
		if err != nil {
			return nil, err
		}
		if r.seal, err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
		s.receivers = append(s.receivers, r)
	}
	for i := range s.runs {
		s.runs[i].data = make([]byte, 0, 1<<16)
	}
	return s, nil
}

func rawAddress(text string) (unix.RawSockaddrInet4, error) {
	raw := unix.RawSockaddrInet4{Family: unix.AF_INET}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return raw, err
	}
	ip := net.ParseIP(host).To4()
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || ip == nil {
		return raw, fmt.Errorf("not an IPv4 address and a port: %q", text)
	}
	copy(raw.Addr[:], ip)
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], uint16(port))
	return raw, nil
}

// source is a stream: who sends it is one of the people of the room.
type floorSource struct {
	ssrc      uint32
	receivers []int
	next      time.Time
	every     time.Duration
	packets   int
	bytes     int
}

func (s *floorSender) sources(c course, l load, now time.Time) []floorSource {
	every, packets := time.Second/time.Duration(l.Frames), l.Packets
	if l.Even {
		every, packets = every/time.Duration(l.Packets), 1
	}
	var all []floorSource
	// As joinAll numbers them: all publishers first.
	watchers := c.rooms * c.publishers
	for room := range c.rooms {
		for from := range c.publishers {
			var receivers []int
			for other := range c.publishers {
				if other != from {
					receivers = append(receivers, room*c.publishers+other)
				}
			}
			for other := range c.people - c.publishers {
				receivers = append(receivers, watchers+room*(c.people-c.publishers)+other)
			}
			number := room*c.publishers + from
			next := now.Add(time.Duration(number) * time.Second / time.Duration(l.Frames*watchers))
			all = append(all,
				floorSource{uint32(2*number + 1), receivers, next, audioEvery, 1, audioBytes},
				floorSource{uint32(2*number + 2), receivers, next, every, packets, videoBytes})
		}
	}
	return all
}

func (s *floorSender) run(c course, l load) error {
	sources := s.sources(c, l, time.Now())
	for {
		now := time.Now()
		next := now.Add(audioEvery)
		for i := range sources {
			source := &sources[i]
			if source.next.Before(now.Add(-late)) {
				source.next = now
			}
			for !source.next.After(now) {
				source.next = source.next.Add(source.every)
				if err := s.frame(source); err != nil {
					return err
				}
			}
			if source.next.Before(next) {
				next = source.next
			}
		}
		time.Sleep(time.Until(next))
	}
}

func (s *floorSender) frame(source *floorSource) error {
	now := time.Now().UnixNano()
	for _, number := range source.receivers {
		for packet := 0; packet < source.packets; {
			count := source.packets
			if !s.gso {
				count = 1
			}
			if err := s.put(&s.receivers[number], source, count, now); err != nil {
				return err
			}
			packet += count
		}
	}
	return s.flush()
}

func (s *floorSender) put(to *floorReceiver, source *floorSource, count int, now int64) error {
	run := &s.runs[s.waiting]
	run.data = run.data[:0]
	for range count {
		run.data = to.packet(run.data, source, s.plain, now)
	}
	run.vector = unix.Iovec{Base: &run.data[0], Len: uint64(len(run.data))}
	header := &s.messages[s.waiting].header
	*header = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&to.address)), Namelen: unix.SizeofSockaddrInet4,
		Iov: &run.vector, Iovlen: 1}
	if count > 1 {
		control := (*unix.Cmsghdr)(unsafe.Pointer(&run.control[0]))
		control.Level, control.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		control.SetLen(unix.CmsgLen(2))
		*(*uint16)(unsafe.Pointer(&run.control[unix.CmsgLen(0)])) = uint16(len(run.data) / count)
		header.Control = &run.control[0]
		header.SetControllen(unix.CmsgSpace(2))
	}
	s.waiting++
	if s.waiting == runsAtOnce || !s.gso {
		return s.flush()
	}
	return nil
}

// packet appends one: header, sealed payload. Where the tag ends is when it was sent, in clear.
func (r *floorReceiver) packet(data []byte, source *floorSource, plain []byte, now int64) []byte {
	number := r.numbers[source.ssrc]
	r.numbers[source.ssrc]++
	begin := len(data)
	var head [rtpBytes]byte
	// A header with one extension of two words.
	head[0], head[1] = 0x90, 96
	binary.BigEndian.PutUint16(head[2:], uint16(number))
	binary.BigEndian.PutUint32(head[8:], source.ssrc)
	binary.BigEndian.PutUint16(head[12:], 0xbede)
	binary.BigEndian.PutUint16(head[14:], 2)
	var nonce [12]byte
	binary.BigEndian.PutUint32(nonce[:], source.ssrc)
	binary.BigEndian.PutUint64(nonce[4:], number)
	data = append(data, head[:]...)
	data = r.seal.Seal(data, nonce[:], plain[:source.bytes], head[:])
	end := len(data)
	if end-begin != rtpBytes+source.bytes+tagBytes {
		panic("a packet of another size")
	}
	binary.BigEndian.PutUint64(data[end-trailerBytes:], mark)
	binary.BigEndian.PutUint64(data[end-8:], uint64(now))
	return data
}

func (s *floorSender) flush() error {
	done := 0
	for done < s.waiting {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.messages[done])),
			uintptr(s.waiting-done), 0, 0, 0)
		switch errno {
		case 0:
			done += int(n)
		case unix.EINTR:
		default:
			return fmt.Errorf("sendmmsg: %w", errno)
		}
	}
	s.waiting = 0
	return nil
}
