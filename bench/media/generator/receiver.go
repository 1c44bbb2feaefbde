package main

import (
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

const (
	// oneIn is how few packets are decrypted by pion, to see that they are right and when they were sent. It shares
	// no factor with the packets of a frame.
	oneIn = 29
	// firstFew packets of a stream go to pion all, for it to find the track.
	firstFew   = 4
	maxSamples = 4096
)

// receiver is what arrives at one socket. The poller's thread alone calls it, but for take.
type receiver struct {
	// kinds tell by their payload type what is retransmission; transportID is the extension's. Set when known.
	negotiated *negotiated
	streams    map[uint32]*stream
	feedback   *twcc.Recorder
	// write sends RTCP; nil for who only listens.
	write   func([]rtcp.Packet)
	repairs int64
	// numbered are the packets that had a number for transport-wide feedback.
	numbered int64
	count    int
	isClear  bool
	onClear  func(delay int64, whole bool)
	lock     sync.Mutex
	arrivals map[sample]int64
}

// began is the zero of transport-wide feedback's clock, whose field is of 24 bits.
var began = time.Now().UnixNano()

type sample struct {
	ssrc     uint32
	sequence uint16
}

// negotiated is what the session description says.
type negotiated struct {
	repair      [128]bool
	transportID byte
}

func newReceiver() *receiver {
	return &receiver{streams: map[uint32]*stream{}, feedback: twcc.NewRecorder(1), arrivals: map[sample]int64{}}
}

// packet takes an RTP packet. True: pion shall have it, too.
func (r *receiver) packet(packet []byte, now int64, n *negotiated) bool {
	h := parseHeader(packet, n.transportID)
	if h.hasTransport {
		r.numbered++
		r.feedback.Record(h.ssrc, h.transport, (now-began)/1000)
	}
	if n.repair[h.payloadType] {
		r.repairs++
		return false
	}
	s := r.streams[h.ssrc]
	if s == nil {
		s = &stream{}
		r.streams[h.ssrc] = s
	}
	if !s.take(h.sequence, h.padding) || h.padding {
		return false
	}
	r.count++
	if r.isClear {
		sent, whole := clearTime(packet)
		r.onClear(now-sent, whole)
		return false
	}
	if s.everArrived > firstFew && r.count%oneIn != 0 {
		return false
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.arrivals) >= maxSamples {
		clear(r.arrivals)
	}
	r.arrivals[sample{h.ssrc, h.sequence}] = now
	return true
}

// arrival is when a sample came, asked for once.
func (r *receiver) arrival(ssrc uint32, sequence uint16) (int64, bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	key := sample{ssrc, sequence}
	when, ok := r.arrivals[key]
	delete(r.arrivals, key)
	return when, ok
}

// reports is what a browser sends: transport-wide feedback, what is missing, and each second how much came.
func (r *receiver) reports(now int64, everySecond bool) []rtcp.Packet {
	var packets []rtcp.Packet
	if everySecond {
		packets = append(packets, r.receiverReport(now))
	}
	packets = append(packets, r.feedback.BuildFeedbackPacket()...)
	for ssrc, s := range r.streams {
		if wanted := s.wanted(); len(wanted) > 0 {
			packets = append(packets, &rtcp.TransportLayerNack{
				SenderSSRC: 1, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(wanted),
			})
		}
	}
	return packets
}

// maxReports fit into one receiver report (RFC 3550, section 6.4.2).
const maxReports = 31

func (r *receiver) receiverReport(now int64) *rtcp.ReceiverReport {
	report := &rtcp.ReceiverReport{SSRC: 1}
	for ssrc, s := range r.streams {
		if len(report.Reports) == maxReports {
			break
		}
		expected := s.highest - s.firstEver + 1
		entry := rtcp.ReceptionReport{
			SSRC:               ssrc,
			TotalLost:          uint32(max(0, expected-s.everArrived)) & 0xffffff,
			LastSequenceNumber: uint32(s.highest),
		}
		if s.lsr != 0 {
			entry.LastSenderReport = s.lsr
			entry.Delay = uint32((now - s.lsrAt) * 65536 / 1e9)
		}
		report.Reports = append(report.Reports, entry)
	}
	return report
}
