package main

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line as a user does: each file in testdata/script is an input,
// a command and its exact output. UPDATE=1 writes the outputs anew; read the difference.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// freeaddr NAME... sets variables to loopback addresses that nobody listens on.
			"freeaddr": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					ln, err := net.Listen("tcp", "127.0.0.1:0")
					ts.Check(err)
					ts.Setenv(name, ln.Addr().String())
					ts.Check(ln.Close())
				}
			},
			// history DATABASE NOTIFICATIONS RULES LOOKUPS makes a database in which events were decided.
			"history": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(writeHistory(context.Background(), ts.MkAbs(args[0]),
					[]byte(ts.ReadFile(args[1])), []byte(ts.ReadFile(args[2])), []byte(ts.ReadFile(args[3]))))
			},
			// listening ADDR waits until somebody listens there.
			"listening": func(ts *testscript.TestScript, _ bool, args []string) {
				for range 500 {
					if conn, err := net.Dial("tcp", args[0]); err == nil {
						ts.Check(conn.Close())
						return
					}
					pause(20 * time.Millisecond)
				}
				ts.Fatalf("nobody listens on %s", args[0])
			},
		},
	})
}
