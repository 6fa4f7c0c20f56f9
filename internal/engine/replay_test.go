package engine

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// A decision that a damaged disk took keeps its event from being replayed, and no other (I6).
func TestRehearsal_I6_a_decision_that_cannot_be_read(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ruleset, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte("version: 1\nrules:\n  - { name: r, when: conversation.user.replied, then: [tag: Seen] }\n")}})
	if ruleset == nil {
		t.Fatal(problems)
	}
	rehearsal := New(Options{Store: s, Rules: func() *rules.Ruleset { return ruleset }}).Rehearse()
	for id, trace := range map[string]string{"damaged": "{", "fine": "{}"} {
		now := time.Now()
		body := `{"app_id":"ws","id":"` + id + `","topic":"conversation.user.replied","data":{"item":{"type":"conversation","id":"` + id + `"}}}`
		ev, err := event.Parse([]byte(body), now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, now.Add(time.Second), time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		events, err := s.PendingEvents(t.Context(), claims[0], 1)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if err := s.SaveDecision(t.Context(), claims[0], store.Decision{Seq: events[0].Seq, At: now, Trace: json.RawMessage(trace)}, true); err != nil {
			t.Fatal(err)
		}
		would, err := rehearsal.Replay(t.Context(), events[0], event.Replay{})
		if id == "damaged" && !errors.Is(err, ErrCannotReplay) || id == "fine" && (err != nil || len(would.Runs) != 1) {
			t.Errorf("%s: %+v, %v", id, would, err)
		}
	}
}
