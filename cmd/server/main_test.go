package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary stand in for switchboard, so that scripts can run it and
// other tests can start, signal and kill the real thing as a process.
func TestMain(m *testing.M) {
	switch os.Getenv(asSwitchboard) {
	case "switchboard":
		main()
	case "floor":
		floorMain()
	}
	testscript.Main(m, map[string]func(){"switchboard": main})
}

const asSwitchboard = "SWITCHBOARD_TEST_AS"

// process is a switchboard that runs as a process of its own.
type process struct {
	cmd     *exec.Cmd
	webhook string // URL for notifications
	admin   string // URL of the console
	stderr  *logBuffer
	done    chan struct{}
}

// startProcess runs `switchboard serve` against the given Intercom and waits until it is
// ready.
func startProcess(t testing.TB, intercomURL, rules, database string, more ...string) *process {
	t.Helper()
	listen, admin := freeAddr(t), freeAddr(t)
	if !strings.HasPrefix(database, "postgres:") {
		database = "sqlite:" + database
	}
	args := append([]string{
		"serve", "--rules", rules, "--database", database,
		"--listen", listen, "--admin-listen", admin,
	}, more...)
	p := &process{webhook: "http://" + listen + "/webhooks/intercom", admin: "http://" + admin, stderr: &logBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), asSwitchboard+"=switchboard", "GORACE=atexit_sleep_ms=10",
		"INTERCOM_ACCESS_TOKEN="+testToken, "INTERCOM_CLIENT_SECRET="+testSecret, "INTERCOM_BASE_URL="+intercomURL)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	p.waitReady(t)
	return p
}

const (
	testToken  = "test-token"
	testSecret = "test-client-secret"
)

// kill ends the process at once, as SIGKILL does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop ends the process cleanly, as SIGTERM does.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.kill()
	}
}

// waitReady asks /readyz until it says yes. Asking is bounded by time, not by luck: a machine
// under load only makes it slower.
func (p *process) waitReady(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-p.done:
			t.Fatalf("switchboard ended: %s", p.stderr)
		default:
		}
		resp, err := http.Get(p.admin + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		pause(20 * time.Millisecond)
	}
	t.Fatalf("switchboard is not ready after 30 s: %s", p.stderr)
}

// pause spaces out questions to another process; nothing relies on its length.
func pause(d time.Duration) { <-time.After(d) }

// freeAddr finds a loopback address that nobody listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	addr, err := unusedAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// unusedAddr finds one for a process that is to start, and perhaps to start again: its port is below those that the
// system gives to outgoing connections, one of which could hold it meanwhile.
func unusedAddr() (addr string, err error) {
	for range 100 {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))); err == nil {
			return ln.Addr().String(), ln.Close()
		}
	}
	return "", err
}

// logBuffer collects what a process prints.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// metric reads one value from the process's /metrics.
func (p *process) metric(t testing.TB, name string) float64 {
	t.Helper()
	resp, err := http.Get(p.admin + "/metrics")
	if err != nil {
		return -1
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var v float64
		if key, value, ok := strings.Cut(lines.Text(), " "); ok && key == name {
			if _, err := fmt.Sscan(value, &v); err == nil {
				return v
			}
		}
	}
	return -1
}

func writeFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
