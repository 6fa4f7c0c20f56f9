package backtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) *rules.Ruleset {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte("version: 1\nrules:\n" + text)}})
	if rs == nil {
		t.Fatalf("%+v\n%s", problems, text)
	}
	return rs
}

// made is the i-th event of a made-up history: customers and teammates take turns on a few conversations.
func made(t testing.TB, random *rand.Rand, i, conversations int) (event.Event, *rules.Decision) {
	t.Helper()
	topics := []string{"conversation.user.created", "conversation.user.replied", "conversation.user.replied", "conversation.admin.replied", "conversation.admin.closed"}
	topic, at := topics[random.IntN(len(topics))], start.Add(time.Duration(i)*7*time.Second)
	author, id := "user", random.IntN(conversations)
	if strings.Contains(topic, "admin") {
		author = "admin"
	}
	words := []string{"refund", "invoice", "hello", "where is my parcel", "thank you"}
	body := fmt.Sprintf(`{"type":"notification_event","app_id":"ws","id":"n%d","topic":%q,"created_at":%d,"data":{"item":{"type":"conversation","id":"%d","open":true,
		"source":{"type":"conversation","author":{"type":"user","id":"c%d","email":"c%d@example.com"},"body":"<p>hi</p>"},
		"contacts":{"contacts":[{"type":"contact","id":"c%d"}]},
		"conversation_parts":{"conversation_parts":[{"type":"conversation_part","id":"%d","part_type":"comment","body":"<p>%s</p>","author":{"type":%q,"id":"a1"}}]}}}}`,
		i, topic, at.Unix(), 1000+id, id, id, id, 10_000+i, words[random.IntN(len(words))], author)
	ev, err := event.Parse([]byte(body), at)
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq = int64(i + 1)
	d := &rules.Decision{Event: ev.ID, At: at.Add(time.Second), Own: rules.OwnNo, Lookups: map[string]json.RawMessage{
		fmt.Sprintf("contact/c%d", id): json.RawMessage(fmt.Sprintf(`{"type":"contact","id":"c%d","role":"user","custom_attributes":{"plan":%q}}`, id, []string{"pro", "free"}[id%2])),
	}}
	return ev, d
}

// history is a history of n events. Conversations were open whenever a timer came due.
func history(t testing.TB, n, conversations int) backtest.History {
	subjects := map[string]string{}
	return backtest.History{
		Events: func(_ context.Context, each func(event.Event, *rules.Decision) error) error {
			random := rand.New(rand.NewPCG(1, 2))
			for i := range n {
				ev, d := made(t, random, i, conversations)
				subjects[fmt.Sprint(ev.Seq)] = ev.Subject
				if i >= 10_000 {
					delete(subjects, fmt.Sprint(ev.Seq-10_000)) // its timers have come due
				}
				if err := each(ev, d); err != nil {
					return err
				}
			}
			return nil
		},
		Decision: func(_ context.Context, _, id string) (*rules.Decision, error) {
			subject := subjects[strings.Split(id, "/")[1]]
			_, conversation, _ := strings.Cut(subject, "/")
			return &rules.Decision{Lookups: map[string]json.RawMessage{
				subject: json.RawMessage(fmt.Sprintf(`{"type":"conversation","id":%q,"open":true}`, conversation)),
			}}, nil
		},
	}
}

const old = `
  - { name: tag, when: conversation.user.replied, if: 'message.text contains "refund"', then: [tag: Refund] }
  - { name: once, when: "conversation.user.*", once: conversation, then: [tag: Seen] }
  - { name: calm, when: conversation.user.replied, cooldown: 1h, if: 'contact.custom_attributes.plan == "pro"', then: [note: "pro {{ message.text }}"] }
  - { name: sla, when: conversation.user.replied, after: 10m, cancel_on: conversation.admin.replied, if: conversation.open, then: [note: late] }
  - { name: ends, when: conversation.admin.closed, then: [tag: Closed] }
`

// TestBacktest_the_same_rules_differ_nowhere, whatever the history, and whatever texts say the same.
func TestBacktest_the_same_rules_differ_nowhere(t *testing.T) {
	r, err := backtest.Backtest(t.Context(), backtest.Options{History: history(t, 3000, 20), Old: parse(t, old), New: parse(t, old+"\n# a comment\n")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Differs() || len(r.Rules) > 0 || r.Events != 3000 || r.OldRuns != r.NewRuns || r.OldRuns < 500 {
		var b bytes.Buffer
		_ = backtest.WriteText(&b, r)
		t.Errorf("%+v\n%s", r, &b)
	}
}

// TestBacktest_tells_what_differs changes one thing at a time.
func TestBacktest_tells_what_differs(t *testing.T) {
	type counts struct{ gained, lost, changed, unknown int }
	for name, c := range map[string]struct {
		change []string
		rule   string
		check  func(counts) bool
	}{
		"a condition":        {[]string{`contains "refund"`, `contains "invoice"`}, "tag", func(c counts) bool { return c.gained > 50 && c.lost > 50 && c.changed == 0 }},
		"an action":          {[]string{"[tag: Refund]", "[tag: Refunds]"}, "tag", func(c counts) bool { return c.changed > 50 && c.gained+c.lost == 0 }},
		"a rule is gone":     {[]string{"name: ends", "state: off, name: ends"}, "ends", func(c counts) bool { return c.lost > 100 && c.gained+c.changed == 0 }},
		"a cooldown":         {[]string{"cooldown: 1h", "cooldown: 2h"}, "calm", func(c counts) bool { return c.lost > 5 && c.changed == 0 }},
		"once":               {[]string{"once: conversation", "cooldown: 1m"}, "once", func(c counts) bool { return c.gained > 500 && c.lost+c.changed == 0 }},
		"a longer wait":      {[]string{"after: 10m", "after: 20m"}, "sla", func(c counts) bool { return c.changed+c.lost > 20 && c.gained < c.lost+c.changed }},
		"what cancels it":    {[]string{"cancel_on: conversation.admin.replied", "cancel_on: conversation.admin.closed"}, "sla", func(c counts) bool { return c.gained+c.lost+c.changed > 20 }},
		"facts not recorded": {[]string{`contact.custom_attributes.plan == "pro"`, `company.name == "Acme"`}, "calm", func(c counts) bool { return c.unknown > 50 && c.lost > 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := backtest.Backtest(t.Context(), backtest.Options{History: history(t, 3000, 20), Old: parse(t, old), New: parse(t, strings.NewReplacer(c.change...).Replace(old))})
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range r.Rules {
				got := counts{one.Gained.Total, one.Lost.Total, one.Changed.Total, one.Unknown}
				if one.Rule != c.rule || !c.check(got) {
					t.Errorf("%s: %+v", one.Rule, got)
				}
				for _, x := range one.Changed.Examples {
					if name == "a longer wait" && x.NewAt.Sub(x.OldAt) != 10*time.Minute {
						t.Errorf("it runs at %s and then at %s", x.OldAt, x.NewAt)
					}
				}
				if d := one.Gained; d.Total > 0 && (len(d.Examples) == 0 || len(d.Examples) > 3 || d.Subjects == 0) {
					t.Errorf("examples: %+v", d)
				}
			}
			if len(r.Rules) != 1 {
				t.Errorf("%d rules differ", len(r.Rules))
			}
		})
	}
}

// TestBacktest_the_end_of_the_history: a timer that the new rules would fire after it is no difference.
func TestBacktest_the_end_of_the_history(t *testing.T) {
	h := history(t, 200, 1_000_000) // 23 minutes, nobody writes twice
	alone := strings.ReplaceAll(old, "cancel_on: conversation.admin.replied, ", "")
	r, err := backtest.Backtest(t.Context(), backtest.Options{History: h, Old: parse(t, alone), New: parse(t, strings.ReplaceAll(alone, "after: 10m", "after: 2h"))})
	if err != nil {
		t.Fatal(err)
	}
	if r.Differs() {
		t.Errorf("%+v", r.Rules[0])
	}
}

// What a rule in shadow would do is shown, and is no difference: it does nothing.
func TestBacktest_shadow(t *testing.T) {
	const rule = "  - { name: refunds, when: conversation.user.replied, if: 'message.text contains \"refund\"', then: [tag: Refund] }\n"
	h := history(t, 400, 50)
	in := func(text string) *rules.Ruleset { return parse(t, text) }
	shadow := strings.Replace(rule, "name:", "state: shadow, name:", 1)
	live, err := backtest.Backtest(t.Context(), backtest.Options{History: h, Old: in(strings.Replace(rule, "name:", "state: off, name:", 1)), New: in(rule)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := backtest.Backtest(t.Context(), backtest.Options{History: h, Old: in(strings.Replace(rule, "name:", "state: off, name:", 1)), New: in(shadow)})
	if err != nil {
		t.Fatal(err)
	}
	want := live.Rules[0].Gained
	if r.Differs() || len(r.Rules) != 1 || r.Rules[0].Shadow.Total != want.Total || r.Rules[0].Shadow.Subjects != want.Subjects || want.Total < 10 {
		t.Errorf("%+v, want %d in shadow", r.Rules, want.Total)
	}
	var text, page strings.Builder
	if err := backtest.WriteText(&text, r); err != nil {
		t.Fatal(err)
	}
	if err := backtest.WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), page.String()} {
		if !strings.Contains(out, "would run if it were not in shadow") || !strings.Contains(out, "no difference") && !strings.Contains(out, "No difference") {
			t.Error(out)
		}
	}
}

// BenchmarkBacktest has 100 rules decide a long history twice. Its memory must not grow with the history.
//
//	go test ./internal/backtest -run '^$' -bench Backtest -benchtime 1x
func BenchmarkBacktest(b *testing.B) {
	var text strings.Builder
	text.WriteString(old)
	for i := range 95 {
		_, _ = fmt.Fprintf(&text, "  - { name: r%d, when: conversation.user.replied, if: 'message.text contains \"word%d\" and contact.custom_attributes.plan == \"pro\"', then: [tag: T%d] }\n", i, i, i)
	}
	before, changed := parse(b, text.String()), parse(b, strings.ReplaceAll(text.String(), "after: 10m", "after: 12m"))
	for b.Loop() {
		heap := map[int]float64{}
		for _, n := range []int{25_000, 100_000} {
			began, most := time.Now(), uint64(0)
			_, err := backtest.Backtest(b.Context(), backtest.Options{History: history(b, n, 200), Old: before, New: changed, Progress: func(p backtest.Progress) {
				if p.Events%5000 == 0 {
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
			}})
			if err != nil {
				b.Fatal(err)
			}
			heap[n] = float64(most) / (1 << 20)
			b.ReportMetric(time.Since(began).Seconds(), fmt.Sprintf("s/%d-events", n))
			b.ReportMetric(heap[n], fmt.Sprintf("MB/%d-events", n))
		}
		b.ReportMetric(heap[100_000]/heap[25_000], "memory-of-four-times-the-history")
	}
	b.ReportMetric(0, "ns/op")
}
