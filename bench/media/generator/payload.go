package main

import (
	"encoding/binary"
)

// Bytes of RTP payload: a video packet as browsers fill them, and 20 ms of Opus at 32 kbit/s.
const (
	videoBytes = 1100
	audioBytes = 80
)

const (
	// trailerBytes are at the end of each payload: the mark, and when the packet was sent, in ns since 1970.
	trailerBytes = 16
	mark         = 0x7e127011a0dead01
	// headBytes at most are written anew for each packet, or rewritten by an SFU: the VP8 descriptor and frame header.
	headBytes = 16
)

// filler is what a payload has between its head and its trailer, counted from its end, so that an SFU that makes the
// VP8 descriptor longer or shorter does not move it.
func filler(fromEnd int) byte { return byte(fromEnd*31 + 7) }

// canned is a payload of so many bytes whose head and time are still to be written.
func canned(length int) []byte {
	payload := make([]byte, length)
	for i := range payload {
		payload[i] = filler(length - i)
	}
	binary.BigEndian.PutUint64(payload[length-trailerBytes:], mark)
	return payload
}

// stamp writes when a payload is sent.
func stamp(payload []byte, now int64) {
	binary.BigEndian.PutUint64(payload[len(payload)-8:], uint64(now))
}

// sentAt is when a payload was sent; false if it is not one of ours, whole.
func sentAt(payload []byte) (int64, bool) {
	length := len(payload)
	if length < audioBytes/2 || binary.BigEndian.Uint64(payload[length-trailerBytes:]) != mark {
		return 0, false
	}
	for i := headBytes; i < length-trailerBytes; i++ {
		if payload[i] != filler(length-i) {
			return 0, false
		}
	}
	return int64(binary.BigEndian.Uint64(payload[length-8:])), true
}

// writeVP8 writes the head of a packet of a frame: the payload descriptor with a picture id of 15 bits (RFC 7741,
// section 4.2), and in the frame's first packet the frame header (RFC 6386, section 9.1).
func writeVP8(payload []byte, picture uint16, first, key bool) {
	payload[0], payload[1] = 0x80, 0x80
	binary.BigEndian.PutUint16(payload[2:], 0x8000|picture)
	if !first {
		return
	}
	payload[0] |= 0x10
	if !key {
		payload[4] = 0x11
		return
	}
	// A key frame that is shown, of 640 × 360.
	copy(payload[4:], []byte{0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01})
}
