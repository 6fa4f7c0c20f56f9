//go:build !linux

package operations

// Disk is not known here.
func Disk(string) *DiskSpace { return nil }
