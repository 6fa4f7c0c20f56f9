//go:build !linux

package store

import "syscall"

// boundUnacknowledged is for Linux only; elsewhere the system's own patience holds.
func boundUnacknowledged(string, string, syscall.RawConn) error { return nil }
