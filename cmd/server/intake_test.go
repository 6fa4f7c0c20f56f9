package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/webhook"
)

// connections is how many clients send at once.
const connections = 32

// BenchmarkIntake measures the whole service at work as a process of its own: signed events
// of 3 to 4 KB over loopback, from 32 connections, each event evaluated and one in five
// leading to an action against the simulator. In the same run it measures the floor, a bare
// handler that only verifies and appends to a file, and the service with one commit for each
// event. Intake goes before work: how fast events are decided, from the first that is sent to
// the last that is evaluated, is a figure of its own. b.N events go to each. Run it with a fixed number, for instance
//
//	go test ./cmd/server -run '^$' -bench Intake -benchtime 20000x
//
// INTAKE_PROFILE=FILE writes a CPU profile of the service at work.
func BenchmarkIntake(b *testing.B) {
	requests := loadRequests(b, b.N)
	const rounds = 3 // in turn, so that a machine that changes its speed changes it for all
	var floor, service, single []load
	for part := range slices.Chunk(requests, (len(requests)+rounds-1)/rounds) {
		floor = append(floor, measureFloor(b, part))
		service = append(service, measureService(b, newFile(b), part))
		single = append(single, measureService(b, newFile(b), part[:(len(part)+3)/4], "--single-commits"))
	}
	f, s, one := median(floor), median(service), median(single)
	b.ReportMetric(0, "ns/op") // the time of all three together says nothing
	b.ReportMetric(f.rate, "floor-events/s")
	b.ReportMetric(s.rate, "events/s")
	b.ReportMetric(s.rate/f.rate, "of-floor")
	b.ReportMetric(one.rate, "single-commit-events/s")
	b.ReportMetric(f.p99.Seconds()*1e3, "floor-p99-ms")
	b.ReportMetric(s.p99.Seconds()*1e3, "p99-ms")
	b.ReportMetric(float64(s.p99)/float64(f.p99), "p99-of-floor")
	b.ReportMetric(s.decided, "decided-events/s")
	b.ReportMetric(float64(f.ackCPU.Microseconds()), "floor-cpu-us")
	b.ReportMetric(float64(s.ackCPU.Microseconds()), "ack-cpu-us")
	b.ReportMetric(float64(s.decidedCPU.Microseconds()), "decided-cpu-us")
	b.ReportMetric(s.idleMB, "idle-MB")
	b.ReportMetric(s.peakMB, "peak-MB")
}

// load is what one measurement gave.
type load struct {
	rate    float64 // acknowledged events per second
	decided float64 // events per second from the first sent to the last decided
	acted   float64 // actions per second from the first event sent to the last action done
	p99     time.Duration
	// Processor time of the service for an event, until the last was acknowledged and until it was decided:
	// what others do on the machine changes it less than the rates.
	ackCPU, decidedCPU time.Duration
	idleMB, peakMB     float64 // resident memory before and at its highest
}

func median(list []load) load {
	slices.SortFunc(list, func(a, b load) int { return int(a.rate - b.rate) })
	return list[len(list)/2]
}

func newFile(b *testing.B) (database string) { return filepath.Join(b.TempDir(), "state.db") }

func measureService(b *testing.B, database string, requests [][]byte, more ...string) load {
	return measureServiceWith(b, simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true, JournalCap: 1000}, database, requests, more...)
}

func measureServiceWith(b *testing.B, o simulator.Options, database string, requests [][]byte, more ...string) load {
	sim := simulator.New(o)
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	rules := writeFile(b, b.TempDir(), "rules.yaml", loadRules)
	more = append(more, "--log-level", "warn")
	if profile := os.Getenv("INTAKE_PROFILE"); profile != "" && !slices.Contains(more, "--single-commits") {
		more = append(more, "--cpu-profile", profile)
	}
	p := startProcess(b, api.URL, rules, database, more...)
	defer p.stop()
	idle := memory(b, p.cmd.Process.Pid, "VmRSS:")
	began, used := time.Now(), cpu(b, p.cmd.Process.Pid)
	l := send(b, strings.TrimSuffix(strings.TrimPrefix(p.webhook, "http://"), "/webhooks/intercom"), requests)
	l.ackCPU = (cpu(b, p.cmd.Process.Pid) - used) / time.Duration(len(requests))
	for p.metric(b, "switchboard_events_waiting") != 0 {
		pause(50 * time.Millisecond) // each question costs the service some milliseconds
	}
	l.decidedCPU = (cpu(b, p.cmd.Process.Pid) - used) / time.Duration(len(requests))
	l.decided = float64(len(requests)) / time.Since(began).Seconds()
	if o.RateLimit > 0 { // else Intercom's limit is what there is to see
		waitUntil(b, 5*time.Minute, "all actions are done", func() bool { return p.metric(b, "switchboard_queue_actions") == 0 })
		l.acted = float64(len(sim.Journal())) / time.Since(began).Seconds()
	}
	l.idleMB, l.peakMB = idle, memory(b, p.cmd.Process.Pid, "VmHWM:")
	return l
}

func measureFloor(b *testing.B, requests [][]byte) load {
	addr := freeAddr(b)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asSwitchboard+"=floor", "FLOOR_LISTEN="+addr, "FLOOR_FILE="+filepath.Join(b.TempDir(), "floor"))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for range 1000 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			break
		}
		pause(5 * time.Millisecond)
	}
	used := cpu(b, cmd.Process.Pid)
	l := send(b, addr, requests)
	l.ackCPU = (cpu(b, cmd.Process.Pid) - used) / time.Duration(len(requests))
	return l
}

// send sends the requests from several connections and measures from first to last.
func send(b *testing.B, addr string, requests [][]byte) load {
	var next atomic.Int64
	took := make([]time.Duration, len(requests))
	var wg sync.WaitGroup
	start := time.Now()
	for range connections {
		wg.Go(func() {
			c, err := dialClient(addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = c.conn.Close() }()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return
				}
				sent := time.Now()
				status, err := c.do(requests[i])
				if err != nil || status != 200 {
					b.Errorf("event %d: status %d, %v", i, status, err)
					return
				}
				took[i] = time.Since(sent)
			}
		})
	}
	wg.Wait()
	total := time.Since(start)
	slices.Sort(took)
	return load{rate: float64(len(requests)) / total.Seconds(), p99: took[len(took)*99/100]}
}

// client is an HTTP client that costs next to nothing, so that on a machine with two cores
// the server is measured and not the client.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialClient(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

func (c *client) do(request []byte) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, errors.Join(err, io.ErrUnexpectedEOF)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	_, err = c.r.Discard(length)
	return status, err
}

// loadRules has twenty rules of the usual kind; the first runs on one event in five.
var loadRules = func() string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	b.WriteString("  - name: refunds\n    when: conversation.user.created\n    if: message.text contains \"refund\"\n    then:\n      - tag: Refund\n")
	for i := range 19 {
		fmt.Fprintf(&b, "  - name: rule-%d\n    when: [conversation.user.created, conversation.user.replied]\n"+
			"    if: message.text matches \"(?i)invoice %d|order %d\" and conversation.state == \"open\"\n    then:\n      - tag: T%d\n", i, i, i, i)
	}
	return b.String()
}()

// loadRequests are n whole HTTP requests, signed, one in five with a text that leads to an
// action.
func loadRequests(b *testing.B, n int) [][]byte {
	b.Helper()
	requests := make([][]byte, n)
	for i := range requests {
		text := strings.Repeat("Hello, the export of our report stops at half of the rows since this morning, can you have a look? ", 9) + strconv.Itoa(i)
		if i%5 == 0 {
			text += " - or I want a refund"
		}
		body := simulator.BuildNotification(simulator.Sample{
			Topic: "conversation.user.created", Conversation: strconv.Itoa(215_472_000_000_000 + i), Text: text,
		})
		if len(body) < 3<<10 || len(body) > 4<<10 {
			b.Fatalf("event %d has %d bytes, want 3 to 4 KB", i, len(body))
		}
		requests[i] = fmt.Appendf(nil, "POST /webhooks/intercom HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			"Accept: application/json\r\nUser-Agent: intercom-parrot-service-client/1.0\r\nX-Hub-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
			webhook.Sign(testSecret, body), len(body), body)
	}
	return requests
}

// cpu reads how much processor time the process has used, with all its threads.
func cpu(b *testing.B, pid int) (total time.Duration) {
	b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		b.Logf("no processor time on this system: %v", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		var ns int64
		if _, scanErr := fmt.Sscan(string(text), &ns); err == nil && scanErr == nil {
			total += time.Duration(ns)
		}
	}
	return total
}

// memory reads a line of the process's memory figures, in MB.
func memory(b *testing.B, pid int, line string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Logf("no memory figures on this system: %v", err)
		return 0
	}
	for l := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(l, line); ok {
			var kb float64
			if _, err := fmt.Sscan(v, &kb); err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
