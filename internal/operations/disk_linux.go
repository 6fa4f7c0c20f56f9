package operations

import "syscall"

// Disk tells how much is left on the file system of a folder; nil if that cannot be known.
func Disk(folder string) *DiskSpace {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return nil
	}
	block := int64(st.Bsize) //nolint:unconvert // it is an int32 on some machines
	return &DiskSpace{
		Path: folder, FreeBytes: int64(st.Bavail) * block, Bytes: int64(st.Blocks) * block, //nolint:gosec // no disk is as large
		FreeInodes: int64(st.Ffree), Inodes: int64(st.Files), //nolint:gosec // nor has as many files
	}
}
