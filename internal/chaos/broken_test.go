package chaos_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"switchboard/internal/chaos"
	"switchboard/internal/simulator"
)

// TestCheck_broken_variants: Switchboards that are broken on purpose are found out, each for what it
// breaks, and the real one passes the same schedules. A checker that cannot fail would be worth nothing.
func TestCheck_broken_variants(t *testing.T) {
	if racing {
		t.Skip("what is broken on purpose may race; the checker is shown to find it without the race detector")
	}
	for name, b := range map[string]struct {
		variant  variant
		finds    string
		replicas int
		troubles []chaos.Trouble
		limit    int
		pause    time.Duration // of all pauses
	}{
		"answers before it stores": {variant{ackEarly: true, noRecovery: true}, "I1", 1, []chaos.Trouble{chaos.Kill}, 0, 0},
		"sends again blindly":      {variant{blindRetry: true}, "I4", 1, []chaos.Trouble{chaos.Flaky}, 0, 0},
		"has no fence":             {variant{rewrite: withoutFence, settle: 5 * time.Second}, "I4", 3, []chaos.Trouble{chaos.PauseBefore}, 0, 13 * time.Second},
		"has no shared budget":     {variant{apart: true, noRecovery: true}, "I5", 3, []chaos.Trouble{chaos.Backlog}, 12, 0},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 6
			for seed := range uint64(most) {
				s := chaos.Draw(seed+1, chaos.Shape{Replicas: b.replicas, Length: 3 * time.Minute, Conversations: 8, Messages: 6, Faults: 6, Troubles: b.troubles, RateLimit: b.limit})
				if b.pause > 0 {
					for i := range s.Faults {
						s.Faults[i].For = b.pause
					}
				}
				found := chaos.Check(perform(t, s, b.variant))
				if !slices.ContainsFunc(found, func(v chaos.Violation) bool { return v.Invariant == b.finds }) {
					continue
				}
				t.Logf("found by seed %d: %v", seed+1, found[0])
				if list := chaos.Check(perform(t, s, variant{noRecovery: b.variant.noRecovery, settle: b.variant.settle})); len(list) > 0 {
					t.Error("the real one: ", chaos.Render(s, list))
				}
				return
			}
			t.Errorf("%d seeds have not shown it", most)
		})
	}
}

// withoutFence makes claims that end after a third of a second, and writes under them that succeed
// whoever holds them (against I3 and I4). It changes the statements on their way to PostgreSQL.
func withoutFence(messages []byte) (out []byte) {
	for len(messages) >= 5 {
		end := 1 + int(binary.BigEndian.Uint32(messages[1:5]))
		if end > len(messages) {
			break
		}
		body := messages[5:end]
		if messages[0] == 'P' { // Parse: a name, the statement, the types of its parameters
			body = fenced.ReplaceAll(body, []byte("AND fence > -cast(${1} AS BIGINT)"))
			body = renewed.ReplaceAll(body, []byte("SET visible_at = least(visible_at, ${1})"))
			if due := dueUntil.FindSubmatch(body); due != nil {
				body = leased.ReplaceAll(body, slices.Concat([]byte(", visible_at = least(${1}, $"), due[1], []byte(" + 300000)")))
			}
		}
		out = append(out, messages[0])
		out = binary.BigEndian.AppendUint32(out, uint32(len(body)+4)) //nolint:gosec // it is short
		out = append(out, body...)
		messages = messages[end:]
	}
	return append(out, messages...)
}

var (
	renewed  = regexp.MustCompile(`SET visible_at = (\$\d+)`)
	fenced   = regexp.MustCompile(`AND fence = (\$\d+)`)
	dueUntil = regexp.MustCompile(`(?s)due AS MATERIALIZED.*visible_at <= (\$\d+)`)
	leased   = regexp.MustCompile(`, visible_at = (\$\d+)`)
)

// blind makes a second call of one whose answer was lost (against I4).
type blind struct{ http.RoundTripper }

func (b blind) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil || req.GetBody == nil || req.Context().Err() != nil {
		return resp, err
	}
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	return b.RoundTripper.RoundTrip(again)
}

// early answers notifications with 200 and hands them on later, if the process is still there
// (against I1).
func (w *world) early(to *simulator.PipeListener, l *link) *simulator.PipeListener {
	client := to.Client()
	front := simulator.NewPipeListener()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.tasks.Go(func() {
			time.Sleep(3 * time.Second)
			req, err := http.NewRequest(http.MethodPost, "http://switchboard"+r.URL.Path, bytes.NewReader(body))
			if err != nil || l.dead() {
				return
			}
			req.Header = r.Header
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
			client.CloseIdleConnections()
		})
	})}
	go func() { _ = server.Serve(l.listener(front)) }()
	go func() {
		<-l.gone
		_ = server.Close()
	}()
	return front
}
