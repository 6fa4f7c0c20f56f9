package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// BenchmarkIdle measures how quick an idle service is: from sending a signed webhook to the
// first API call that it leads to, over loopback, with the commit of the event and of the
// decision in between. One event at a time; the median counts.
func BenchmarkIdle(b *testing.B) {
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true, RateLimit: 1_000_000})
	called := make(chan time.Time, 100)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- time.Now()
		sim.Handler().ServeHTTP(w, r)
	}))
	defer api.Close()
	dir := b.TempDir()
	rules := writeFile(b, dir, "rules.yaml", "version: 1\nrules:\n  - name: r\n    when: conversation.user.created\n    then:\n      - open\n")
	p := startProcess(b, api.URL, rules, filepath.Join(dir, "state.db"), "--log-level", "warn")
	defer p.stop()
	c, err := dialClient(strings.TrimSuffix(strings.TrimPrefix(p.webhook, "http://"), "/webhooks/intercom"))
	if err != nil {
		b.Fatal(err)
	}
	requests := loadRequests(b, b.N+10)
	var took []time.Duration
	for i, request := range requests {
		quiet(called)
		sent := time.Now()
		if status, err := c.do(request); err != nil || status != http.StatusOK {
			b.Fatal(status, err)
		}
		if first := <-called; i >= 10 { // the first ones open connections and read names
			took = append(took, first.Sub(sent))
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "median-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
}

// quiet returns once no call has come for a while: the service is idle again.
func quiet(called <-chan time.Time) {
	for {
		select {
		case <-called:
		case <-time.After(15 * time.Millisecond):
			return
		}
	}
}
