package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
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
					addr, err := unusedAddr()
					ts.Check(err)
					ts.Setenv(name, addr)
				}
			},
			// history DATABASE NOTIFICATIONS RULES LOOKUPS makes a database in which events were decided.
			"history": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(writeHistory(context.Background(), ts.MkAbs(args[0]),
					[]byte(ts.ReadFile(args[1])), []byte(ts.ReadFile(args[2])), []byte(ts.ReadFile(args[3]))))
			},
			// scraped ADDR TEXT waits until the metrics there have a line that begins with the text and ends in a
			// figure above 0.
			"scraped": func(ts *testscript.TestScript, _ bool, args []string) {
				for range 500 {
					if figureAbove0(args[0], args[1]) {
						return
					}
					pause(20 * time.Millisecond)
				}
				ts.Fatalf("the metrics of %s have no %s above 0", args[0], args[1])
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

// figureAbove0 tells whether the metrics at an address have a line that begins with a text and does not end
// in 0.
func figureAbove0(address, text string) bool {
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, text) && !strings.HasSuffix(strings.TrimSpace(line), " 0") {
			return true
		}
	}
	return false
}
