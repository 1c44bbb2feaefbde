// Command generator is all people of a bench: it joins them to an SFU, sends, receives, and counts.
//
//	generator call -system NAME -url URL -ip OWN -rooms N -people N -publishers N
//	generator floor -mode gso|single -rooms N -people N -publishers N -frames N -packets N ADDRESS…
//
// With call, lines come in on stdin and go out on stdout, as JSON: {"do": "send", "load": {…}} has publishers send,
// {"do": "begin"} and {"do": "end"} are the bounds of what is measured. It ends with stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

var stdout sync.Mutex

func say(what any) {
	stdout.Lock()
	defer stdout.Unlock()
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: generator call|floor …"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	c := course{}
	flags.IntVar(&c.rooms, "rooms", 1, "")
	flags.IntVar(&c.people, "people", 2, "in each room")
	flags.IntVar(&c.publishers, "publishers", 1, "in each room")
	var err error
	switch os.Args[1] {
	case "call":
		err = call(flags, &c)
	case "floor":
		err = floor(flags, &c)
	default:
		err = fmt.Errorf("unknown command: %s", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "generator:", err)
	os.Exit(1)
}

func call(flags *flag.FlagSet, c *course) error {
	name := flags.String("system", "tertulia", "tertulia, livekit, janus or floor")
	url := flags.String("url", "", "of the signaling")
	own := flags.String("ip", "", "of this side")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	ip := net.ParseIP(*own)
	if ip.To4() == nil {
		return fmt.Errorf("-ip is not an IPv4 address: %q", *own)
	}
	p, err := newPoller()
	if err != nil {
		return err
	}
	go p.run()
	m := maker{ip, p, &samples{}}
	target, err := systemOf(*name, *url, m)
	if err != nil {
		return err
	}
	people, err := joinAll(target, *c)
	if err != nil {
		return err
	}
	b := &bench{poller: p, samples: m.samples, people: people}
	say(map[string]any{"joined": len(people), "addresses": addresses(people)})
	return b.obey(json.NewDecoder(bufio.NewReader(os.Stdin)))
}

// systemOf makes the adapter. Keys come by the environment.
func systemOf(name, url string, m maker) (system, error) {
	key, secret := os.Getenv("GENERATOR_KEY"), os.Getenv("GENERATOR_SECRET")
	switch name {
	case "tertulia":
		return &tertulia{maker: m, url: url, key: key}, nil
	case "livekit":
		return &livekit{maker: m, url: url, key: key, secret: secret}, nil
	case "janus":
		return &janus{maker: m, url: url}, nil
	case "floor":
		return &sinks{maker: m}, nil
	}
	return nil, fmt.Errorf("unknown system: %q", name)
}

const (
	// joining at the same time are so many: DTLS costs both sides milliseconds, and some SFUs take a second over ICE.
	joining = 8
	// joinEach is how long one may take in all, on a machine that does other work, too.
	joinEach = 400 * time.Millisecond
)

// joinAll joins everyone, publishers first; all are there when it returns.
func joinAll(target system, c course) ([]*joined, error) {
	everyone := c.everyone()
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin+time.Duration(len(everyone))*joinEach)
	defer cancel()
	if err := target.prepare(ctx, c); err != nil {
		return nil, err
	}
	people := make([]*joined, len(everyone))
	publishers := c.rooms * c.publishers
	for _, bounds := range [][2]int{{0, publishers}, {publishers, len(everyone)}} {
		if err := joinSome(ctx, target, everyone, people, bounds[0], bounds[1]); err != nil {
			return nil, err
		}
	}
	return people, nil
}

func joinSome(ctx context.Context, target system, everyone []person, people []*joined, from, to int) error {
	errs := make(chan error, to-from)
	turns := make(chan struct{}, joining)
	for i := from; i < to; i++ {
		go func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			made, err := target.join(ctx, everyone[i])
			if err != nil {
				err = fmt.Errorf("person %d of room %d: %w", everyone[i].number, everyone[i].room, err)
			}
			people[i] = made
			errs <- err
		}()
	}
	for range to - from {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func addresses(people []*joined) []string {
	var all []string
	for _, one := range people {
		for _, p := range one.peers {
			all = append(all, p.socket.address.String())
		}
	}
	return all
}
