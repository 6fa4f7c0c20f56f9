package store

import (
	"context"
	"net"
	"time"
)

// lostPeer is after how long without an answer of the other machine a connection counts as broken. The
// system's own patience is a quarter of an hour, in which whoever reads would wait for a server that a
// failover has left behind.
const lostPeer = 15 * time.Second

// dial connects to a server so that the loss of its machine is noticed.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         5 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: lostPeer / 3, Interval: lostPeer / 3, Count: 2},
		Control:         boundUnacknowledged,
	}
	return d.DialContext(ctx, network, addr)
}
