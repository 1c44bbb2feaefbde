package main

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batch       = 64
	packetBytes = 2048
	// SCM_TIMESTAMPNS: a header and a timespec.
	controlBytes = 32
	socketBuffer = 4 << 20
)

// mmsghdr is that of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// batchReader has the buffers of recvmmsg(2), for one thread.
type batchReader struct {
	messages [batch]mmsghdr
	vectors  [batch]unix.Iovec
	packets  [batch][packetBytes]byte
	controls [batch][controlBytes]byte
	names    [batch]unix.RawSockaddrInet4
}

func newBatchReader() *batchReader {
	r := &batchReader{}
	for i := range r.messages {
		r.vectors[i] = unix.Iovec{Base: &r.packets[i][0], Len: packetBytes}
		h := &r.messages[i].header
		h.Iov, h.Iovlen = &r.vectors[i], 1
		h.Control = &r.controls[i][0]
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	return r
}

// read takes what waits in a socket, at most a batch.
func (r *batchReader) read(fd int) int {
	for i := range r.messages {
		r.messages[i].header.Controllen = controlBytes
		r.messages[i].header.Namelen = unix.SizeofSockaddrInet4
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.messages[0])), batch,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// packet is the i-th that was read, and when the kernel got it, in ns since 1970.
func (r *batchReader) packet(i int) ([]byte, int64) {
	when := (*unix.Timespec)(unsafe.Pointer(&r.controls[i][unix.SizeofCmsghdr])).Nano()
	return r.packets[i][:r.messages[i].length], when
}

func (r *batchReader) source(i int) *net.UDPAddr {
	name := &r.names[i]
	port := (*[2]byte)(unsafe.Pointer(&name.Port))
	return &net.UDPAddr{IP: net.IP(append([]byte(nil), name.Addr[:]...)), Port: int(port[0])<<8 | int(port[1])}
}

// socket is a UDP socket that pion shares with us: see mux.go.
type socket struct {
	fd      int
	address *net.UDPAddr
	// out has what is pion's: everything but RTP, and samples of that.
	out     chan datagram
	closed  chan struct{}
	isShut  atomic.Bool
	dropped atomic.Int64
	// receiver takes the packets; it is the poller's.
	receiver *receiver
}

type datagram struct {
	data   []byte
	source net.Addr
}

func newSocket(ip net.IP) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := prepare(fd, ip); err != nil {
		unix.Close(fd)
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	bound, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return nil, fmt.Errorf("not an IPv4 socket: %T", name)
	}
	address := &net.UDPAddr{IP: ip.To4(), Port: bound.Port}
	return &socket{fd: fd, address: address, out: make(chan datagram, 512), closed: make(chan struct{})}, nil
}

func prepare(fd int, ip net.IP) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	// Beyond net.core.rmem_max, for which one has to be root.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer); err != nil {
		return fmt.Errorf("SO_RCVBUFFORCE: %w", err)
	}
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(ip.To4())})
}

func (s *socket) send(data []byte, to *net.UDPAddr) (int, error) {
	err := unix.Sendto(s.fd, data, 0, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())})
	if err == syscall.EAGAIN || err == unix.ENOBUFS {
		return len(data), nil // lost, as on a network
	}
	return len(data), err
}

func (s *socket) close() {
	if s.isShut.CompareAndSwap(false, true) {
		close(s.closed)
		unix.Close(s.fd)
	}
}

// give hands a copy to pion. What it does not take in time is lost, and counted.
func (s *socket) give(packet []byte, source *net.UDPAddr) {
	select {
	case s.out <- datagram{append([]byte(nil), packet...), source}:
	default:
		s.dropped.Add(1)
	}
}
