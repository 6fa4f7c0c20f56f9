package rules

import (
	"testing"
	"time"
)

// TestMemory_After: what is counted in memory is what the store counts.
func TestMemory_After(t *testing.T) {
	now := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
	once := Quota{Key: "once/c", Runs: 1}
	m := Memory{}.After(once, now, 7)
	if _, spent := once.spent(m, now.Add(1000*time.Hour)); m.Runs != 1 || !m.Until.IsZero() || !spent {
		t.Errorf("once: %+v", m)
	}
	hour := Quota{Key: "limit", Runs: 3, Per: time.Hour, Keep: 2 * time.Hour, Count: 2}
	m = Memory{}.After(hour, now, 7)
	if m.Runs != 2 || !m.Since.Equal(now) || !m.Until.Equal(now.Add(2*time.Hour)) {
		t.Errorf("the first run: %+v", m)
	}
	if until, spent := hour.spent(m, now); !spent || !until.Equal(now.Add(time.Hour)) {
		t.Errorf("spent until %v, %v", until, spent)
	}
	if m = m.After(hour, now.Add(time.Minute), 8); m.Runs != 4 || !m.Since.Equal(now) || m.By != 8 {
		t.Errorf("in the window: %+v", m)
	}
	if m = m.After(hour, now.Add(time.Hour), 9); m.Runs != 2 || !m.Since.Equal(now.Add(time.Hour)) {
		t.Errorf("after the window: %+v", m)
	}
}

func TestReplay_Add(t *testing.T) {
	var p Replay
	p.Add(&Decision{Rules: []Outcome{
		{Rule: "ran", Verdict: Ran, Stop: true},
		{Rule: "waits", Verdict: HeldBack, HeldBy: HeldByTimer},
		{Rule: "part", Verdict: HeldBack, HeldBy: HeldByPart},
		{Rule: "cools down", Verdict: HeldBack, HeldBy: HeldByCooldown},
		{Rule: "shadow", Verdict: HeldBack, HeldBy: HeldByShadow},
		{Rule: "failed", Verdict: Failed},
		{Rule: "not", Verdict: DidNotMatch},
	}})
	p.Add(&Decision{Rules: []Outcome{
		{Rule: "ran", Verdict: HeldBack, HeldBy: HeldByPart},
		{Rule: "failed", Verdict: Ran},
	}})
	for _, rule := range []string{"ran", "waits", "part", "failed"} {
		if past, ok := p.Past[rule]; !ok || past.Reason == "" {
			t.Errorf("%s: %+v, %v", rule, past, ok)
		}
	}
	if len(p.Past) != 4 {
		t.Errorf("%+v, want four rules", p.Past)
	}
}
