package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
	"switchboard/internal/webhook"
)

// TestI1_pressure: while the store is full or gone, nothing is acknowledged that is not stored, and
// Intercom is told to come back; when the store is there again everything goes on by itself.
func TestI1_pressure(t *testing.T) {
	t.Run("a full disk", func(t *testing.T) {
		database := filepath.Join(t.TempDir(), "state.db")
		underPressure(t, database, func(p *process) {
			fillDisk(t, p, database)
			pause(2 * time.Second)
			limitFiles(t, p, unix.RLIM_INFINITY)
		})
	})
	t.Run("PostgreSQL is restarted and crashes", func(t *testing.T) {
		server := storetest.StartServer(t)
		underPressure(t, server.URL(), func(*process) {
			server.Restart()
			pause(500 * time.Millisecond)
			server.Crash()
			pause(2 * time.Second)
			server.Start()
		})
	})
}

// fillDisk lets no file of the process grow any more, which is what a full disk does to it.
func fillDisk(t *testing.T, p *process, database string) {
	t.Helper()
	largest := int64(0)
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(database + suffix); err == nil {
			largest = max(largest, info.Size())
		}
	}
	limitFiles(t, p, uint64(largest)+16<<10)
}

func limitFiles(t *testing.T, p *process, size uint64) {
	t.Helper()
	// Only what counts is lowered, so that it may be raised again.
	limit := unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

// underPressure has customers write while trouble comes over the store, and checks that every message
// is answered once.
func underPressure(t *testing.T, database string, trouble func(*process)) {
	const conversations, perConversation = 40, 6
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true, RateLimit: 100_000})
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	defer func() { _ = sim.Close() }()
	p := startProcess(t, api.URL, writeFile(t, t.TempDir(), "rules.yaml", everyMessage), database, "--settle", "200ms")
	events := writeConversations(t, sim, conversations, perConversation)

	answers := &statuses{count: map[int]int{}}
	var sending sync.WaitGroup
	for i, conversation := range events {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		sending.Go(func() {
			for _, body := range conversation {
				pause(time.Duration(random.IntN(1200)) * time.Millisecond)
				answers.deliver(t, p, body)
			}
		})
	}
	pause(700 * time.Millisecond)
	trouble(p)
	sending.Wait()
	defer func() {
		if t.Failed() {
			t.Log(p.stderr)
		}
	}()
	waitUntil(t, time.Minute, "all events are evaluated and all actions done", func() bool { return p.idle(t) })
	for _, c := range sim.Conversations() {
		checkConversation(t, c, perConversation)
	}
	t.Logf("answers: %v", answers.count)
	if answers.count[http.StatusTooManyRequests] == 0 {
		t.Error("nothing was refused: the test has shown nothing")
	}
	for status := range answers.count {
		if status != http.StatusOK && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
			t.Errorf("answered %d", status)
		}
	}
}

// statuses are the answers to notifications.
type statuses struct {
	mu    sync.Mutex
	count map[int]int
}

// deliver sends a notification until it is acknowledged.
func (s *statuses) deliver(t *testing.T, p *process, body []byte) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(50 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.webhook, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("X-Hub-Signature", webhook.Sign(testSecret, body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		_ = resp.Body.Close()
		s.mu.Lock()
		s.count[resp.StatusCode]++
		s.mu.Unlock()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	t.Error("a notification was never acknowledged: ", fmt.Sprintf("%.80s", body))
}
