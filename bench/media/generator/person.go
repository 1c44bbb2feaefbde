package main

import (
	"context"
	"net"
)

// course is who is in the rooms: in each so many people, of whom the first ones publish, and everyone watches them.
type course struct {
	rooms, people, publishers int
}

// person is one participant: number counts in the room, from 0.
type person struct {
	room, number int
	publishes    bool
}

// watched is how many others this one watches.
func (c course) watched(who person) int {
	if who.publishes {
		return c.publishers - 1
	}
	return c.publishers
}

// everyone lists the people, publishers first, so that the others find them there.
func (c course) everyone() []person {
	var all []person
	for _, publishes := range []bool{true, false} {
		for room := range c.rooms {
			for number := range c.people {
				if (number < c.publishers) == publishes {
					all = append(all, person{room, number, publishes})
				}
			}
		}
	}
	return all
}

// system is an SFU, by its own signaling.
type system interface {
	// prepare makes the rooms.
	prepare(ctx context.Context, c course) error
	// join has a person connected and everything that they watch subscribed to. It keeps the signaling alive.
	join(ctx context.Context, who person) (*joined, error)
}

// joined is a person in a room.
type joined struct {
	peers     []*peer
	publisher *publisher
}

// maker makes peers.
type maker struct {
	ip      net.IP
	poller  *poller
	samples *samples
}

func (m maker) peer() (*peer, error) { return newPeer(m.ip, m.poller, m.samples) }
