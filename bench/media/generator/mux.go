package main

import (
	"net"
	"time"
)

// mux is pion's view of one socket (ice.UDPMux, net.PacketConn): it reads what the poller gives it.
type mux struct{ *socket }

func (m mux) GetConn(string, net.Addr) (net.PacketConn, error) { return conn(m), nil }
func (m mux) RemoveConnByUfrag(string)                         {}
func (m mux) GetListenAddresses() []net.Addr                   { return []net.Addr{m.address} }
func (m mux) Close() error                                     { m.close(); return nil }

type conn struct{ *socket }

func (c conn) ReadFrom(buffer []byte) (int, net.Addr, error) {
	select {
	case got := <-c.out:
		return copy(buffer, got.data), got.source, nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c conn) WriteTo(data []byte, to net.Addr) (int, error) {
	if c.isShut.Load() {
		return 0, net.ErrClosed
	}
	return c.send(data, to.(*net.UDPAddr))
}

func (c conn) Close() error                     { c.close(); return nil }
func (c conn) LocalAddr() net.Addr              { return c.address }
func (c conn) SetDeadline(time.Time) error      { return nil }
func (c conn) SetReadDeadline(time.Time) error  { return nil }
func (c conn) SetWriteDeadline(time.Time) error { return nil }
