package main

// remembered is how many sequence numbers back a packet is known to have come already.
const remembered = 4096

// stream counts the packets of one SSRC by their sequence numbers.
type stream struct {
	started bool
	highest int64
	// base is the first sequence number that the present window counts.
	base int64
	// arrived are the packets of the window that came, each once; padding are those of them that carry no media.
	arrived, padding int64
	seen             [remembered / 64]uint64
	missing          map[int64]int // and how often each was asked for
	lsr              uint32        // of the last sender report, and when it came
	lsrAt            int64
	everArrived      int64
	firstEver        int64
}

// extend gives the sequence number that does not wrap.
func (s *stream) extend(sequence uint16) int64 {
	return s.highest + int64(int16(sequence-uint16(s.highest)))
}

// take counts a packet; false if it came before, or is too old to know.
func (s *stream) take(sequence uint16, padding bool) bool {
	if !s.started {
		s.started, s.highest = true, 1<<16+int64(sequence) // what is older has a number above 0, too
		s.base, s.firstEver = s.highest, s.highest
		s.missing = map[int64]int{}
		s.set(s.highest)
		s.count(padding)
		return true
	}
	number := s.extend(sequence)
	switch {
	case number > s.highest:
		for skipped := s.highest + 1; skipped < number; skipped++ {
			s.clear(skipped)
			if len(s.missing) < maxMissing {
				s.missing[skipped] = 0
			}
		}
		s.highest = number
	case number <= s.highest-remembered || s.has(number):
		return false
	default:
		delete(s.missing, number)
	}
	s.set(number)
	if number < s.base {
		return true // it belongs to the window before
	}
	s.count(padding)
	return true
}

// maxMissing bounds what a receiver asks for again.
const maxMissing = 256

func (s *stream) count(padding bool) {
	s.arrived++
	s.everArrived++
	if padding {
		s.padding++
	}
}

func (s *stream) set(number int64)   { s.seen[number/64%(remembered/64)] |= 1 << (number % 64) }
func (s *stream) clear(number int64) { s.seen[number/64%(remembered/64)] &^= 1 << (number % 64) }
func (s *stream) has(number int64) bool {
	return s.seen[number/64%(remembered/64)]&(1<<(number%64)) != 0
}

// begin starts a window.
func (s *stream) begin() {
	if s.started {
		s.base, s.arrived, s.padding = s.highest+1, 0, 0
	}
}

// lost is how many packets of the window did not come in time, or at all.
func (s *stream) lost() int64 {
	if !s.started {
		return 0
	}
	return s.highest - s.base + 1 - s.arrived
}

// wanted lists what to ask for again, each packet at most three times.
func (s *stream) wanted() []uint16 {
	var numbers []uint16
	for number, asked := range s.missing {
		if asked >= 3 || number <= s.highest-remembered/2 {
			delete(s.missing, number)
			continue
		}
		s.missing[number] = asked + 1
		numbers = append(numbers, uint16(number))
	}
	return numbers
}
