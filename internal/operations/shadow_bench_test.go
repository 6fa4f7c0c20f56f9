package operations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

// BenchmarkShadow asks about 100,000 stored events; on each message a rule in shadow would have run, and people
// assigned each conversation.
//
//	go test ./internal/operations -run '^$' -bench Shadow -benchtime 1x
func BenchmarkShadow(b *testing.B) {
	s, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "state.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const events = 100_000
	fillShadow(b, s, events)
	x := operations.Shadower{
		Ruleset:   func(string) *rules.Ruleset { return nil },
		Workspace: func(name string) (string, bool) { return name, true },
		Names:     func(string) shadow.Names { return oneTeam{} },
	}
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		r, err := x.Shadow(b.Context(), s, operations.ShadowRequest{})
		if err != nil || r.Events != events || r.Rules[0].Actions[0].Same != events/4 {
			b.Fatalf("%v: %+v", err, r)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/1e6, "MB")
	}
}

type oneTeam struct{}

func (oneTeam) Team(context.Context, string) (shadow.Team, bool, error) {
	return shadow.Team{ID: "814", Name: "Finance"}, true, nil
}

func (oneTeam) Admin(context.Context, string) (shadow.Admin, bool, error) {
	return shadow.Admin{}, false, nil
}

// fillShadow stores conversations of four events: three messages and an assignment.
func fillShadow(b *testing.B, s *store.Store, events int) {
	b.Helper()
	start := time.Now().Add(-time.Duration(events) * time.Second).Truncate(time.Second)
	for i := range events {
		topic, part := "conversation.user.replied", `"author":{"type":"user","id":"c1"},"body":"<p>where is my refund, please? I have waited for days</p>"`
		if i%4 == 3 {
			topic, part = shadow.TopicAssigned, `"author":{"type":"admin","id":"9"},"assigned_to":{"type":"team","id":"814"},"app_package_code":null`
		}
		at := start.Add(time.Duration(i) * time.Second)
		ev, err := event.Parse(fmt.Appendf(nil, `{"type":"notification_event","id":"n%d","app_id":"ws","topic":%q,"created_at":%d,"data":{"item":{"type":"conversation","id":"%d",
			"admin_assignee_id":null,"team_assignee_id":null,"open":true,"state":"open","tags":{"tags":[]},"contacts":{"contacts":[{"type":"contact","id":"c1"}]},
			"conversation_parts":{"conversation_parts":[{"id":"%d","part_type":"comment",%s}]}}}}`, i, topic, at.Unix(), 1000+i/4, i, part), at)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Put(b.Context(), ev); err != nil {
			b.Fatal(err)
		}
		if i%1000 < 999 && i < events-1 {
			continue
		}
		for {
			claims, err := s.Claim(b.Context(), store.LaneEvents, "", 100, time.Now().Add(time.Second), time.Minute)
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range claims {
				decideAll(b, s, c)
			}
			if len(claims) == 0 {
				break
			}
		}
	}
}

func decideAll(b *testing.B, s *store.Store, c store.Claim) {
	b.Helper()
	list, err := s.PendingEvents(b.Context(), c, 10)
	if err != nil {
		b.Fatal(err)
	}
	for i, ev := range list {
		d := rules.Decision{Event: ev.ID, At: ev.CreatedAt, Considered: 1, Total: 1}
		if ev.Topic != shadow.TopicAssigned {
			d.Rules = []rules.Outcome{{
				Rule: "route", File: "rules.yaml", Line: 3, Verdict: rules.HeldBack, HeldBy: rules.HeldByShadow, Reason: "state: shadow",
				Would: []rules.Planned{
					{Kind: "assign", Params: json.RawMessage(`{"team":"Finance"}`), Summary: "assign team Finance"},
					{Kind: "tag", Params: json.RawMessage(`{"tags":["Refund"]}`), Summary: "tag Refund"},
				},
			}}
		}
		trace, err := json.Marshal(d)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.SaveDecision(b.Context(), c, store.Decision{Seq: ev.Seq, At: d.At, Trace: trace}, i == len(list)-1); err != nil {
			b.Fatal(err)
		}
	}
}
