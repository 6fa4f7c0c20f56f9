package store

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// boundUnacknowledged bounds how long what was sent may stay without the other machine's acknowledgement;
// keep-alive does not see to that.
func boundUnacknowledged(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostPeer.Milliseconds()))
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}
