package main

import "encoding/binary"

// header is what can be read of an SRTP packet without its key (RFC 3711, section 3.1).
type header struct {
	payloadType byte
	sequence    uint16
	ssrc        uint32
	padding     bool
	// transport is the sequence number of transport-wide feedback, if the packet has one.
	transport    uint16
	hasTransport bool
}

// isRTP tells RTP from RTCP, STUN and DTLS (RFC 7983, RFC 5761).
func isRTP(packet []byte) bool {
	return len(packet) >= 12 && packet[0]>>6 == 2 && (packet[1] < 192 || packet[1] > 223)
}

// parseHeader reads an RTP header; transportID is the number of the extension of transport-wide feedback, or 0.
func parseHeader(packet []byte, transportID byte) header {
	h := header{
		payloadType: packet[1] & 0x7f,
		sequence:    binary.BigEndian.Uint16(packet[2:]),
		ssrc:        binary.BigEndian.Uint32(packet[8:]),
		padding:     packet[0]&0x20 != 0,
	}
	begin := 12 + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 == 0 || transportID == 0 || len(packet) < begin+4 {
		return h
	}
	profile := binary.BigEndian.Uint16(packet[begin:])
	end := begin + 4 + 4*int(binary.BigEndian.Uint16(packet[begin+2:]))
	if end > len(packet) {
		return h
	}
	elements := packet[begin+4 : end]
	switch {
	case profile == 0xbede:
		h.findShort(elements, transportID)
	case profile>>4 == 0x100:
		h.findLong(elements, transportID)
	}
	return h
}

// findShort reads elements with one byte of header (RFC 8285, section 4.2).
func (h *header) findShort(elements []byte, transportID byte) {
	for len(elements) > 0 {
		id, length := elements[0]>>4, int(elements[0]&0x0f)+1
		if elements[0] == 0 {
			elements = elements[1:]
			continue
		}
		if id == 15 || len(elements) < 1+length {
			return
		}
		h.take(id == transportID, elements[1:1+length])
		elements = elements[1+length:]
	}
}

// findLong reads elements with two bytes of header (RFC 8285, section 4.3).
func (h *header) findLong(elements []byte, transportID byte) {
	for len(elements) > 1 {
		if elements[0] == 0 {
			elements = elements[1:]
			continue
		}
		id, length := elements[0], int(elements[1])
		if len(elements) < 2+length {
			return
		}
		h.take(id == transportID, elements[2:2+length])
		elements = elements[2+length:]
	}
}

func (h *header) take(is bool, value []byte) {
	if is && len(value) >= 2 {
		h.transport, h.hasTransport = binary.BigEndian.Uint16(value), true
	}
}
