package engine

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// pauses knows which pauses of rules were announced: the log says each once, not with every
// event that the rule misses.
type pauses struct {
	mu    sync.Mutex
	until map[string]time.Time // by workspace and rule
}

// announce tells whether a pause is news.
func (p *pauses) announce(workspace, rule string, until time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := workspace + "/" + rule
	if !until.After(p.until[key]) {
		return false
	}
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	p.until[key] = until
	return true
}

// reset forgets what was announced: after a reload people want to know whether a rule still
// pauses.
func (p *pauses) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = nil
}

// sayPaused warns that a rule has paused itself.
func (e *Engine) sayPaused(ctx context.Context, ev event.Event, o rules.Outcome) {
	if e.pauses.announce(ev.Workspace, o.Rule, o.Until) {
		e.log.WarnContext(ctx, "rule paused by its limit: what it would do on further events is not done", "rule", o.Rule,
			"until", o.Until, "reason", o.Reason, "event", ev.Seq, "subject", ev.Subject)
	}
}

// Paused returns the rules that are paused by their limit, and until when. It reads the store,
// so it is right after a restart and a reload, and in every replica.
func (e *Engine) Paused(ctx context.Context) (map[string]time.Time, error) {
	limits, err := e.o.Store.Limits(ctx, e.o.Workspace)
	if err != nil {
		return nil, err
	}
	rs, now, list := e.o.Rules(), e.o.Store.Now(), map[string]time.Time{}
	for _, l := range limits {
		if until, paused := rs.Paused(l.Rule, rules.Memory(l.Memory), now); paused && until.After(list[l.Rule]) {
			list[l.Rule] = until
		}
	}
	return list, nil
}

// pausedCollector reads whenever metrics are gathered which rules are paused, so that the end
// of a pause needs no event to be seen.
type pausedCollector struct{ engine *Engine }

var descPaused = prometheus.NewDesc("switchboard_rules_paused", "1 while a rule is paused because it ran as often as its limit allows, else 0.", []string{"rule"}, nil)

// Describe implements prometheus.Collector.
func (pausedCollector) Describe(ch chan<- *prometheus.Desc) { ch <- descPaused }

// Collect implements prometheus.Collector.
func (c pausedCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	paused, err := c.engine.Paused(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descPaused, err)
		return
	}
	for _, r := range c.engine.o.Rules().Rules() {
		if r.Limit == "" {
			continue
		}
		v := 0.0
		if _, ok := paused[r.Name]; ok {
			v = 1
		}
		ch <- prometheus.MustNewConstMetric(descPaused, prometheus.GaugeValue, v, r.Name)
	}
}
