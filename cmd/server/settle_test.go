package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestSettle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it is for Linux only")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := programMemory(t, program)
	settle()
	if after := programMemory(t, program); after > before*3/4 {
		t.Errorf("%d kB of the program are in memory, before %d", after, before)
	}
}

// programMemory is how much of the program's unchanged parts is in memory, in kB.
func programMemory(t *testing.T, program string) (total int) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	counts := false
	for line := range strings.Lines(string(smaps)) {
		fields := strings.Fields(line)
		if strings.Contains(fields[0], "-") {
			counts = strings.HasSuffix(line, " "+program+"\n") && !strings.Contains(fields[1], "w")
			continue
		}
		var kb int
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kb); n == 1 && counts {
			total += kb
		}
	}
	return total
}
