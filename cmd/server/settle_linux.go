package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram lets go of the pages of this program's file that are as they are in the file, which is
// its code and its constants: never a part in which a page was changed, by a loader that moved the
// program or by a debugger. When it cannot, they stay.
func forgetProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var part struct{ begin, end uintptr } // that the lines are about; nothing when it is to stay
	for line := range strings.Lines(string(smaps)) {
		var begin, end uintptr
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &rights); n == 3 {
			if part.begin, part.end = begin, end; strings.Contains(rights, "w") || !strings.HasSuffix(line, " "+program+"\n") {
				part.begin, part.end = 0, 0
			}
			continue
		}
		var changed int
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &changed); n == 1 && changed == 0 && part.begin < part.end {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, part.begin, part.end-part.begin, unix.MADV_DONTNEED)
		}
	}
}
