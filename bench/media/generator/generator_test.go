package main

import (
	"slices"
	"testing"
	"time"
)

func TestSentAtSaysWhenAndWhetherThePayloadIsWhole(t *testing.T) {
	for _, length := range []int{audioBytes, videoBytes} {
		payload := canned(length)
		stamp(payload, 1234567890)
		writeVP8(payload, 77, true, true)
		if when, whole := sentAt(payload); !whole || when != 1234567890 {
			t.Fatalf("%d bytes: %d, %v", length, when, whole)
		}
		// An SFU may write a longer VP8 descriptor.
		if _, whole := sentAt(append([]byte{0, 0}, payload...)); !whole {
			t.Fatalf("%d bytes: a longer head is no fault", length)
		}
		payload[length/2] ^= 1
		if _, whole := sentAt(payload); whole {
			t.Fatalf("%d bytes: a wrong byte went unnoticed", length)
		}
	}
}

func TestAHeaderIsReadWithoutItsKey(t *testing.T) {
	fixed := []byte{0x90, 0x80 | 96, 1, 2, 0, 0, 0, 0, 0, 0, 0, 9}
	short := append(slices.Clone(fixed), 0xbe, 0xde, 0, 2, 0x10, 0xaa, 0x31, 0x12, 0x34, 0, 0, 0)
	long := append(slices.Clone(fixed), 0x10, 0x00, 0, 2, 1, 1, 0xaa, 3, 2, 0x12, 0x34, 0)
	want := header{payloadType: 96, sequence: 0x102, ssrc: 9, transport: 0x1234, hasTransport: true}
	for _, packet := range [][]byte{short, long} {
		if got := parseHeader(packet, 3); got != want {
			t.Errorf("%x: %+v", packet, got)
		}
	}
	want.transport, want.hasTransport = 0, false
	for name, packet := range map[string][]byte{
		"another extension":                        append(slices.Clone(fixed), 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0),
		"an extension longer than the packet":      append(slices.Clone(fixed), 0xbe, 0xde, 0, 9, 0x31, 0x12, 0x34, 0),
		"an element longer than the extension":     append(slices.Clone(fixed), 0xbe, 0xde, 0, 1, 0x3f, 0x12, 0x34, 0),
		"a long element longer than the extension": append(slices.Clone(fixed), 0x10, 0, 0, 1, 3, 9, 0x12, 0x34),
		"no room for an extension":                 fixed,
	} {
		if got := parseHeader(packet, 3); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRTPIsToldFromTheRest(t *testing.T) {
	packet := func(first, second byte) []byte { return append([]byte{first, second}, make([]byte, 20)...) }
	for _, c := range []struct {
		packet []byte
		is     bool
	}{
		{packet(0x80, 96), true},
		{packet(0x80, 0x80|111), true},
		{packet(0x80, 200), false},  // a sender report
		{packet(0x81, 205), false},  // transport-wide feedback
		{packet(0x00, 0x01), false}, // STUN
		{packet(22, 254), false},    // DTLS
		{[]byte{0x80, 96}, false},
	} {
		if isRTP(c.packet) != c.is {
			t.Errorf("%x: %v", c.packet[:2], !c.is)
		}
	}
}

func TestAStreamCountsEachPacketOnceAndKnowsWhatIsMissing(t *testing.T) {
	s := &stream{}
	for _, sequence := range []uint16{65534, 65535, 0, 3, 3, 2} {
		s.take(sequence, false)
	}
	if s.arrived != 5 || s.lost() != 1 {
		t.Fatalf("arrived %d, lost %d", s.arrived, s.lost())
	}
	if wanted := s.wanted(); !slices.Equal(wanted, []uint16{1}) {
		t.Fatalf("wanted %v", wanted)
	}
	s.take(1, false)
	if s.lost() != 0 || len(s.wanted()) != 0 {
		t.Fatalf("lost %d after it came", s.lost())
	}
}

func TestAPacketBeforeTheFirstIsNoFault(t *testing.T) {
	s := &stream{}
	s.take(2, false)
	s.take(65535, false)
	if s.arrived != 1 || s.lost() != 0 {
		t.Fatalf("arrived %d, lost %d", s.arrived, s.lost())
	}
}

func TestAWindowCountsItsOwnPacketsOnly(t *testing.T) {
	s := &stream{}
	s.take(10, false)
	s.take(12, false)
	s.begin()
	s.take(11, false) // late: it belongs to the window before
	s.take(13, false)
	s.take(14, true)
	s.take(16, false)
	if s.arrived != 3 || s.padding != 1 || s.lost() != 1 {
		t.Fatalf("arrived %d, padding %d, lost %d", s.arrived, s.padding, s.lost())
	}
}

func TestWhatIsAskedForInVainIsGivenUp(t *testing.T) {
	s := &stream{}
	s.take(1, false)
	s.take(3, false)
	for range 3 {
		if len(s.wanted()) != 1 {
			t.Fatal("asked for too seldom")
		}
	}
	if len(s.wanted()) != 0 {
		t.Fatal("asked for a fourth time")
	}
}

func TestQuantilesAreWithinASixtyFourthOfTheDelays(t *testing.T) {
	s := &samples{}
	for delay := int64(1); delay <= 100_000; delay++ {
		s.add(delay*1000, true)
	}
	for share, want := range map[float64]float64{0.5: 50_000, 0.99: 99_000, 0.999: 99_900, 1: 100_000} {
		if got := s.quantile(share); got < want*(1-1.0/64) || got > want*(1+1.0/32) {
			t.Errorf("%v: %.0f µs, not %.0f", share, got, want)
		}
	}
	s.add(0, false)
	if s.wrong != 1 || s.total != 100_000 {
		t.Errorf("wrong %d of %d", s.wrong, s.total)
	}
	s.reset()
	if s.quantile(0.5) != 0 {
		t.Error("there is a delay without samples")
	}
}

func TestBucketsGoOnWithoutGaps(t *testing.T) {
	for delay := int64(0); delay < 1<<20; delay++ {
		if b := bucket(delay); value(b) > delay || value(b+1) <= delay {
			t.Fatalf("%d is in bucket %d: %d to %d", delay, b, value(b), value(b+1))
		}
	}
	if bucket(-5) != 0 || bucket(1<<62) >= len((&samples{}).counts) {
		t.Fatal("a delay without a bucket")
	}
}

func TestADescriptionSaysWhatIsRetransmission(t *testing.T) {
	n, err := readDescription("v=0\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:107 rtx/90000\r\n" +
		"a=extmap:5/recvonly " + transportURI + "\r\n")
	if err != nil || !n.repair[107] || n.repair[96] || n.transportID != 5 {
		t.Fatalf("%v, %d, %v", err, n.transportID, n.repair[107])
	}
	if _, err := readDescription("a=rtpmap:300 rtx/90000\r\n"); err == nil {
		t.Fatal("a payload type above 127")
	}
}

func TestOverflowIsThatOfUDP(t *testing.T) {
	count, err := overflow("Ip: A B\nIp: 1 2\nUdp: InDatagrams RcvbufErrors\nUdp: 10 7\nUdpLite: RcvbufErrors\nUdpLite: 9\n")
	if err != nil || count != 7 {
		t.Fatalf("%d, %v", count, err)
	}
	if _, err := overflow("Ip: A\nIp: 1\n"); err == nil {
		t.Fatal("no count is not a count of none")
	}
}

func TestPublishersComeFirst(t *testing.T) {
	got := course{rooms: 2, people: 3, publishers: 1}.everyone()
	want := []person{{0, 0, true}, {1, 0, true}, {0, 1, false}, {0, 2, false}, {1, 1, false}, {1, 2, false}}
	if !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
}

func TestTheFloorSendsEachPublishersMediaToAllOthersOfTheRoom(t *testing.T) {
	s := &floorSender{}
	sources := s.sources(course{rooms: 2, people: 3, publishers: 2}, load{Frames: 30, Packets: 4}, time.Now())
	// As numbered by everyone(): publishers 0, 1 in the first room and 2, 3 in the second; watchers 4 and 5.
	want := [][]int{{1, 4}, {1, 4}, {0, 4}, {0, 4}, {3, 5}, {3, 5}, {2, 5}, {2, 5}}
	for i, source := range sources {
		if !slices.Equal(source.receivers, want[i]) {
			t.Errorf("source %d: %v", i, source.receivers)
		}
	}
}

func TestProtobufIsReadWithoutItsSchema(t *testing.T) {
	message, err := readFields(description("offer", "v=0", 7))
	if err != nil || string(message.bytes[2]) != "v=0" || message.numbers[3] != 7 {
		t.Fatalf("%+v, %v", message, err)
	}
	if _, err := readFields([]byte{0x0a, 0x05, 'x'}); err == nil {
		t.Fatal("a field longer than its message")
	}
}
