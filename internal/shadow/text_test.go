package shadow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/shadow"
)

// The text for people is in testdata; UPDATE=1 writes it anew.
func TestWriteText(t *testing.T) {
	l := &life{}
	note := rules.Planned{Kind: "note", Summary: `note "Routed by {{ rule.name }}"`}
	begin := func(i int, c conversation) {
		c.id, c.topic, c.minutes = fmt.Sprint(100+i), created, i
		l.add(t, c, finance, vip, note)
	}
	for i := range 40 {
		begin(i, conversation{})
	}
	begin(40, conversation{team: "814"})
	begin(41, conversation{team: "815"})
	begin(42, conversation{})
	l.own = map[string]bool{"own": true}
	for i := range 36 {
		to := "team 814"
		if i >= 31 {
			to = []string{"team 815", "admin 3"}[i%2]
		}
		c := gives(fmt.Sprint(500+i), to, 60+i)
		c.id = fmt.Sprint(100 + i)
		l.add(t, c)
	}
	c := gives("own", "team 814", 99)
	c.id = "142"
	l.add(t, c)
	l.decisions["n3"].Ruleset = "r0"
	l.decisions["n4"].Rules = append(l.decisions["n4"].Rules, rules.Outcome{Rule: "route", Verdict: rules.HeldBack, HeldBy: rules.HeldByShadow})

	var b strings.Builder
	for _, o := range []shadow.Options{{Names: desk{}}, {Names: desk{}, Within: 90 * time.Minute, Now: start.Add(100 * time.Minute)}, {Rule: "another"}} {
		r := l.measure(t, o)
		for _, one := range r.Rules {
			one.State = "shadow"
		}
		r.Rules = append(r.Rules, &shadow.RuleReport{Rule: "never", State: "live"})
		if err := shadow.WriteText(&b, r); err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
	}
	if err := shadow.WriteText(&b, &shadow.Report{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "report.txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("UPDATE=1 writes it anew:\n%s", b.String())
	}
}

// A hundred percent are all.
func TestPercent(t *testing.T) {
	for _, c := range []struct {
		same, other, want int
		ok                bool
	}{{0, 0, 0, false}, {171, 19, 90, true}, {1, 0, 100, true}, {999, 1, 99, true}, {0, 3, 0, true}, {2, 1, 67, true}, {1, 999, 0, true}} {
		got, ok := (&shadow.ActionReport{Same: c.same, Other: c.other}).Percent()
		if got != c.want || ok != c.ok {
			t.Errorf("%d and %d: %d %v, want %d %v", c.same, c.other, got, ok, c.want, c.ok)
		}
	}
}
