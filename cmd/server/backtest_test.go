package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// TestBacktest_and_explain ask a running service, and the database of one that is stopped.
func TestBacktest_and_explain(t *testing.T) {
	const old = `
version: 1
rules:
  - { name: note, when: conversation.user.replied, then: [note: seen] }
  - { name: vip, when: conversation.user.replied, if: 'message.text contains "message 0"', then: [tag: VIP] }
`
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules, state := writeFile(t, dir, "rules.yaml", old), filepath.Join(dir, "state.db")
	changed := writeFile(t, dir, "new.yaml", strings.Replace(old, "message 0", "message 1", 1))
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	for _, conversation := range writeConversations(t, sim, 3, 2) {
		for _, body := range conversation {
			c.deliver(t, body)
		}
	}
	waitUntil(t, 10*time.Second, "six notes", func() bool {
		return p.metric(t, "switchboard_queue_actions") == 0 && p.metric(t, "switchboard_events_waiting") == 0
	})

	out, errs := ran(t, exitOK, "backtest", "--rules", rules, "--admin", p.admin)
	if !strings.Contains(out, "no difference") || !strings.Contains(errs, "6 events in") {
		t.Errorf("the same rules: %s%s", out, errs)
	}
	out, _ = ran(t, exitProblems, "backtest", "--rules", changed, "--admin", p.admin)
	for _, want := range []string{"+ would run in addition: on 3 events about 3 subjects", "- would not run any more: on 3 events", "tag VIP"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nwant %q", out, want)
		}
	}
	out, _ = ran(t, exitProblems, "backtest", "--rules", changed, "--admin", p.admin, "--format", "json")
	var report backtest.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Rules) != 1 || report.Rules[0].Gained.Total != 3 {
		t.Errorf("%v: %s", err, out)
	}

	companies := writeFile(t, dir, "companies.yaml", strings.Replace(old, "name: note,", `name: note, if: 'company.name == "Acme"',`, 1))
	out, errs = ran(t, exitProblems, "backtest", "--rules", companies, "--admin", p.admin)
	if !strings.Contains(out, "cannot be told for 6 events: it needs facts that were not read then (companies 6 times)") {
		t.Error(out, errs)
	}
	out, errs = ran(t, exitProblems, "backtest", "--rules", companies, "--admin", p.admin, "--fetch", "--format", "html")
	for _, want := range []string{"<strong>Facts were fetched.</strong>", "1 call of at most 500 asked Intercom", "6 decisions were made on what is true now, not then"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s%s\nwant %q", out, errs, want)
		}
	}

	out, _ = ran(t, exitOK, "explain", "1", "--admin", p.admin)
	if !strings.Contains(out, "note: ran") || !strings.Contains(out, "message.text = ") {
		t.Error(out)
	}
	if _, errs = ran(t, exitProblems, "explain", "999", "--admin", p.admin); !strings.Contains(errs, "no decision about 999") {
		t.Error(errs)
	}

	// The rules change; what was decided is explained by those that decided.
	p.stop()
	writeFile(t, dir, "rules.yaml", strings.Replace(old, "name: note", "name: another", 1))
	here := func(args ...string) []string { return append(args, "--admin", "", "--database", "sqlite:"+state) }
	out, _ = ran(t, exitOK, here("explain", "1", "--rules", rules, "--format", "json")...)
	var answer operations.ExplainAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Events) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if one := answer.Events[0]; one.Differs != "" || one.By != one.Ruleset || len(one.Rules) != 2 || one.Rules[0].Rule != "note" {
		t.Errorf("by the rules of then: %+v", one)
	}
	out, _ = ran(t, exitOK, here("explain", "1", "--rules", rules, "--now")...)
	if !strings.Contains(out, "the rules in use decide otherwise: another was not asked then, now ran") {
		t.Error(out)
	}
	if _, errs = ran(t, exitUsage, here("backtest", "--rules", rules)...); !strings.Contains(errs, "--against") {
		t.Error(errs)
	}
	ran(t, exitProblems, here("backtest", "--rules", rules, "--against", changed)...)

	// By the access token of the environment, what was not recorded is asked for.
	t.Setenv("INTERCOM_ACCESS_TOKEN", testToken)
	before := len(sim.Journal())
	fetch := here("backtest", "--rules", companies, "--against", rules, "--fetch", "--base-url", api.URL)
	if out, _ = ran(t, exitProblems, append(fetch, "--fetch-limit", "2")...); !strings.Contains(out, "1 call of at most 2 asked Intercom") {
		t.Error(out)
	}
	if out, _ = ran(t, exitProblems, fetch...); !strings.Contains(out, "1 call of at most 500 asked Intercom") || strings.Contains(out, "cannot be told") {
		t.Error(out)
	}
	for _, call := range sim.JournalSince(before) {
		if call.Effect != simulator.EffectNone {
			t.Errorf("it changed something: %+v", call)
		}
	}
	t.Setenv("INTERCOM_ACCESS_TOKEN", "wrong")
	if _, errs = ran(t, exitFailed, fetch...); !strings.Contains(errs, "401") {
		t.Error(errs)
	}
	ran(t, exitProblems, here("backtest", "--rules", writeFile(t, dir, "broken.yaml", "version: 1\nrules: [{}]\n"), "--against", changed)...)
}

// TestBacktest_progress is told every two seconds, in words.
func TestBacktest_progress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		tell := tellBacktest(&out)
		at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		for i := range 10 {
			tell(backtest.Progress{Events: i, At: at.Add(time.Duration(i) * time.Hour), Calls: i / 5})
			time.Sleep(700 * time.Millisecond)
		}
		const want = "3 events decided, up to 2026-03-02T12:00:00Z\n" +
			"6 events decided, up to 2026-03-02T15:00:00Z, 1 call to Intercom\n" +
			"9 events decided, up to 2026-03-02T18:00:00Z, 1 call to Intercom\n"
		if out.String() != want {
			t.Errorf("%s\nwant %s", &out, want)
		}
	})
}

// TestAnswers_line_by_line are read to their end, or say why there is none.
func TestAnswers_line_by_line(t *testing.T) {
	for name, tt := range map[string]struct{ body, answer, told, err string }{
		"an answer":       {`{"progress":1}{"progress":2}{"answer":"done","status":200}`, "done", "12", ""},
		"refused":         {`{"progress":1}{"error":"no such rule","status":422}`, "", "1", "no such rule"},
		"not any more":    {`{"error":"it stops","status":503}`, "", "", "the service at http://service: it stops"},
		"it went wrong":   {`{"error":"internal error","status":500}`, "", "", "the service at http://service could not do it: its log says why"},
		"it breaks off":   {`{"progress":1}{"prog`, "", "1", "the service at http://service stopped answering before the end; ask again: unexpected EOF"},
		"another version": {`{"answer":7,"status":200}`, "", "", "the service at http://service gave an answer that this program does not understand: json: cannot unmarshal number into Go value of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			var answer, told, problem string
			err := stateOf{Admin: "http://service"}.follow(strings.NewReader(tt.body), &answer, func(p json.RawMessage) { told += string(p) })
			if err != nil {
				problem = err.Error()
			}
			if answer != tt.answer || told != tt.told || problem != tt.err {
				t.Errorf("answer %q, told %q, %q", answer, told, problem)
			}
			if _, refused := errors.AsType[*operations.Refused](err); refused != (name == "refused") {
				t.Errorf("%T", err)
			}
		})
	}
}

// BenchmarkBacktest_beside measures what a backtest costs a running service: how fast events are acknowledged and decided
// while one backtest after the other runs, and while none does. Run it with a fixed number of events, for instance
//
//	go test ./cmd/server -run '^$' -bench Backtest -benchtime 20000x
func BenchmarkBacktest_beside(b *testing.B) {
	requests := loadRequests(b, max(b.N, 240)) // the first time N is 1
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true, JournalCap: 1000})
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	defer func() { _ = sim.Close() }()
	rules := writeFile(b, b.TempDir(), "rules.yaml", loadRules)
	p := startProcess(b, api.URL, rules, newFile(b), "--log-level", "warn")
	defer p.stop()
	measure := func(requests [][]byte) load {
		began := time.Now()
		l := send(b, strings.TrimSuffix(strings.TrimPrefix(p.webhook, "http://"), "/webhooks/intercom"), requests)
		waitUntil(b, 5*time.Minute, "all is decided", func() bool { return p.metric(b, "switchboard_events_waiting") == 0 })
		l.decided = float64(len(requests)) / time.Since(began).Seconds()
		return l
	}
	half := len(requests) / 2
	measure(requests[:half]) // the history

	var alone, beside []load
	backtests := 0
	for i, part := range slices.Collect(slices.Chunk(requests[half:], max(1, half/6))) {
		if i%2 == 0 {
			alone = append(alone, measure(part))
			continue
		}
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				var out, errs bytes.Buffer
				code := run(ctx, []string{"backtest", "--since", "2000-01-01", "--rules", rules, "--admin", p.admin}, streams{strings.NewReader(""), &out, &errs})
				if ctx.Err() == nil && code != exitOK {
					b.Errorf("exit code %d: %s%s", code, &out, &errs)
				}
				backtests++
			}
		}()
		beside = append(beside, measure(part))
		cancel()
		<-done
	}
	a, z := median(alone), median(beside)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(a.rate, "alone-events/s")
	b.ReportMetric(z.rate/a.rate, "beside-of-alone")
	b.ReportMetric(a.decided, "alone-decided/s")
	b.ReportMetric(z.decided/a.decided, "beside-decided-of-alone")
	b.ReportMetric(a.p99.Seconds()*1e3, "alone-p99-ms")
	b.ReportMetric(z.p99.Seconds()*1e3, "beside-p99-ms")
	b.ReportMetric(float64(backtests), "backtests")
}
