package main

import (
	"math/bits"
	"sync"
)

// samples are delays, in a histogram whose buckets are within 1/64 of their value.
type samples struct {
	lock   sync.Mutex
	counts [64 << 6]int64
	total  int64
	wrong  int64
}

const (
	subBits = 6
	subs    = 1 << subBits
)

// bucket is where a delay of so many ns is counted.
func bucket(delay int64) int {
	value := uint64(max(delay, 0))
	if value < subs {
		return int(value)
	}
	shift := bits.Len64(value) - subBits - 1
	return (shift+1)<<subBits + int(value>>shift) - subs
}

// value is the least delay of a bucket, in ns.
func value(bucket int) int64 {
	if bucket < subs {
		return int64(bucket)
	}
	shift := bucket>>subBits - 1
	return int64(bucket&(subs-1)+subs) << shift
}

// add counts one; what is not whole has no delay.
func (s *samples) add(delay int64, whole bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if !whole {
		s.wrong++
		return
	}
	s.counts[bucket(delay)]++
	s.total++
}

// reset starts a window.
func (s *samples) reset() {
	s.lock.Lock()
	defer s.lock.Unlock()
	clear(s.counts[:])
	s.total, s.wrong = 0, 0
}

// quantile is the delay that this share of the samples do not exceed, in µs; 0 without samples.
func (s *samples) quantile(share float64) float64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	rank, seen := min(int64(share*float64(s.total)), s.total-1), int64(0)
	for i, count := range s.counts {
		seen += count
		if count > 0 && seen > rank {
			return float64(value(i+1)) / 1e3
		}
	}
	return 0
}
