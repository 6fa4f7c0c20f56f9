package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version of the program and of Go.
func (*versionCmd) Run(io streams) error {
	_, err := fmt.Fprintf(io.out, "switchboard %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
