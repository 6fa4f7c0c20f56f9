package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version of the program and of Go.
func (*versionCmd) Run(io streams) error {
	_, err := fmt.Fprintln(io.out, versionLine())
	return err
}

func versionLine() string {
	return fmt.Sprintf("switchboard %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
