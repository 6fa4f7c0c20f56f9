package app_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// renamer changes what Intercom says about teams and teammates.
type renamer struct {
	base            http.RoundTripper
	rename, refuses atomic.Bool
}

func (s *renamer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.refuses.Load() && r.URL.Path == "/admins" {
		const body = `{"type":"error.list","errors":[{"code":"forbidden","message":"no"}]}`
		return &http.Response{
			StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	}
	resp, err := s.base.RoundTrip(r)
	if err != nil || !s.rename.Load() || r.URL.Path != "/teams" {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	b = bytes.ReplaceAll(b, []byte(`"Desk"`), []byte(`"Desk EU"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	resp.Header.Set("Content-Length", strconv.Itoa(len(b)))
	return resp, err
}

func atWeakDesk(t *testing.T, rules string, fn func(d *desk, rn *renamer)) {
	t.Helper()
	rn := &renamer{}
	inBubbleWith(t, rules, simulator.Options{}, func(w *world) {
		rn.base = w.options.HTTP.Transport
		w.options.HTTP.Transport = rn
	}, func(w *world) {
		d := &desk{world: w}
		d.ada, d.ben, d.cleo = w.sim.AddAdmin(simulator.Admin{Name: "Ada"}), w.sim.AddAdmin(simulator.Admin{Name: "Ben"}), w.sim.AddAdmin(simulator.Admin{Name: "Cleo"})
		d.team = w.sim.AddTeam(simulator.Team{Name: "Desk", Admins: []string{d.ada, d.ben, d.cleo}})
		fn(d, rn)
	})
}

// A team that gets another name, or a permission that is lost for a while, empties no line (I6).
func TestRouting_I6_the_line_outlasts_a_rename_and_a_refusal(t *testing.T) {
	for what, change := range map[string]func(*renamer) *atomic.Bool{
		"rename":  func(rn *renamer) *atomic.Bool { return &rn.rename },
		"refusal": func(rn *renamer) *atomic.Bool { return &rn.refuses },
	} {
		t.Run(what, func(t *testing.T) {
			atWeakDesk(t, deskRules("pick: round_robin, otherwise: wait"), func(d *desk, rn *renamer) {
				for _, one := range []string{d.ada, d.ben, d.cleo} {
					d.goes(one, true)
				}
				ids := []string{d.writes(), d.writes(), d.writes()}
				change(rn).Store(true)
				time.Sleep(12 * time.Minute)
				if n := d.inLine(); n != 3 {
					t.Errorf("%d in line, want 3", n)
				}
				if what == "refusal" {
					rn.refuses.Store(false)
				}
				d.goes(d.ada, false)
				time.Sleep(12 * time.Minute)
				d.want("given", d.has(ids...), "Ada Ada Ada")
			})
		})
	}
}

// The conversation that is to be given does not count against who has it.
func TestRouting_the_conversation_is_not_in_its_own_way(t *testing.T) {
	rules := strings.Replace(deskRules("pick: least_busy, capacity: 1, prefer: last_assignee"), "when: conversation.user.created", "when: conversation.user.*", 1)
	atWeakDesk(t, rules, func(d *desk, _ *renamer) {
		id := d.writes()
		d.want("first", d.has(id), "Ada")
		for range 2 {
			time.Sleep(3 * time.Minute)
			must(t)(d.sim.CustomerReplies(id, "more"))
			d.settle(time.Minute)
		}
		d.want("after replies", d.has(id), "Ada")
	})
}
