package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
)

// TestReplicas_rules: the newest rules decide, and one replica that has them leads.
func TestReplicas_rules(t *testing.T) {
	list, clock := replicas(t, 3)
	state := func() string {
		var words []string
		for range 2 { // the first must hear of the last
			for _, s := range list {
				beat(t, s)
			}
		}
		for i, s := range list {
			word := fmt.Sprint(i)
			if s.Outdated() {
				word += " outdated"
			}
			if s.Leads() {
				word += " leads"
			}
			words = append(words, word)
		}
		return strings.Join(words, ", ")
	}
	if got := state(); got != "0 leads, 1, 2" {
		t.Error(got)
	}
	clock.Add(time.Second)
	list[2].SetRuleset("rules-2")
	if got := state(); got != "0 outdated, 1 outdated, 2 leads" {
		t.Error(got)
	}
	clock.Add(time.Second)
	list[0].SetRuleset("rules-2")
	if got := state(); got != "0 leads, 1 outdated, 2" {
		t.Error(got)
	}
	clock.Add(time.Second)
	list[1].SetRuleset("rules-1") // it has them already
	if got := state(); got != "0 leads, 1 outdated, 2" {
		t.Error(got)
	}
	for _, i := range []int{0, 2} { // those with the newest leave: what is left decides
		if err := list[i].Leave(t.Context()); err != nil {
			t.Error(err)
		}
	}
	beat(t, list[1])
	if list[1].Outdated() || !list[1].Leads() {
		t.Error("the last replica does not decide")
	}
}

// TestReplicas_retire: one that stops does not keep those with older rules from deciding, and leads no more.
func TestReplicas_retire(t *testing.T) {
	list, clock := replicas(t, 2)
	clock.Add(time.Second)
	list[0].SetRuleset("rules-2")
	beat(t, list[0])
	beat(t, list[1])
	if !list[1].Outdated() || !list[0].Leads() {
		t.Fatal("the newest rules do not decide")
	}
	list[0].Retire()
	list[0].SetRuleset("rules-3") // a reload that was under way
	beat(t, list[0])
	beat(t, list[1])
	beat(t, list[0])
	if list[1].Outdated() || !list[1].Leads() || !list[0].Outdated() || list[0].Leads() {
		t.Error("the one that stays does not decide, or the one that stops does")
	}
	if err := list[1].Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	beat(t, list[0])
	if list[0].Outdated() {
		t.Error("the last one has nobody to leave decisions to")
	}
}

// TestReplicas_newer_schema: one that was stopped while a newer program changed the schema does not join again;
// one that was there all the time goes on.
func TestReplicas_newer_schema(t *testing.T) {
	list, clock := replicas(t, 2)
	stopped, other := list[0], list[1]
	put(t, other, "n1", "conversation/1")
	if err := store.SetSchemaVersion(other, 99); err != nil {
		t.Fatal(err)
	}
	beat(t, stopped)
	clock.Add(store.DefaultTakeover + time.Second)
	beat(t, other)
	err := stopped.Beat(t.Context())
	if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("%v, want ErrNewerSchema", err)
	}
	beat(t, other)
	if all, self := other.Replicas(); len(all) != 1 || all[0].ID != self {
		t.Errorf("%+v are there, want only the other", all)
	}
	stopped.SetRuleset("rules-2") // so that it says at once that it is alive
	bounded, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := stopped.KeepAlive(bounded); !errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("KeepAlive: %v, want ErrNewerSchema", err)
	}
}
