package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"switchboard/internal/diag"
	"switchboard/internal/rules"
)

// ruleLoader holds the ruleset in use and replaces it when the files change. A ruleset is
// replaced whole or not at all (I8).
type ruleLoader struct {
	paths    []string
	read     rulesReader
	log      *slog.Logger
	onChange func(*rules.Ruleset)
	// lacking tells what this process lacks to run the rules.
	lacking func(*rules.Ruleset) []diag.Problem

	current  atomic.Pointer[rules.Ruleset]
	loadedAt atomic.Pointer[time.Time]
	rejected atomic.Pointer[[]diag.Problem]

	mu      sync.Mutex // one reload at a time
	watched []string   // paths, and the holiday files that the rules there name
	loaded  string     // fingerprint of what is watched, taken before it was read

	reloads   *prometheus.CounterVec
	succeeded prometheus.Gauge
	lastGood  prometheus.Gauge
}

type rulesReader = func(paths []string) (*rules.Ruleset, []diag.Problem)

// newRuleLoader loads the rules for the first time; a file with errors is refused.
func newRuleLoader(paths []string, read rulesReader, lacking func(*rules.Ruleset) []diag.Problem, log *slog.Logger, reg prometheus.Registerer) (*ruleLoader, error) {
	f := promauto.With(reg)
	l := &ruleLoader{
		paths: paths, read: read, log: log, onChange: func(*rules.Ruleset) {}, lacking: lacking,
		reloads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_rules_reloads_total", Help: "Times the rules were read again, by result.",
		}, []string{"result"}),
		succeeded: f.NewGauge(prometheus.GaugeOpts{
			Name: "switchboard_rules_last_reload_successful", Help: "1 when the rules on disk are the rules in use, 0 when they were rejected.",
		}),
		lastGood: f.NewGauge(prometheus.GaugeOpts{
			Name: "switchboard_rules_last_reload_success_timestamp_seconds", Help: "When the rules in use were loaded, in Unix seconds.",
		}),
	}
	for _, result := range []string{"loaded", "unchanged", "rejected"} {
		l.reloads.WithLabelValues(result)
	}
	rs, problems := l.load()
	if rs == nil {
		return nil, &RulesError{Problems: problems}
	}
	l.warn(problems)
	l.use(rs)
	return l, nil
}

// load reads the files; the ruleset is nil when it cannot be used.
func (l *ruleLoader) load() (*rules.Ruleset, []diag.Problem) {
	l.loaded = fingerprint(l.paths) // before the files are asked for holidays
	holidays := rules.HolidayFiles(l.paths)
	l.watched = slices.Concat(l.paths, holidays)
	l.loaded += fingerprint(holidays)
	rs, problems := l.read(l.paths)
	if rs == nil {
		return nil, problems
	}
	if lacking := l.lacking(rs); len(lacking) > 0 {
		return nil, append(problems, lacking...)
	}
	return rs, problems
}

// Current is the ruleset in use.
func (l *ruleLoader) Current() *rules.Ruleset { return l.current.Load() }

func (l *ruleLoader) use(rs *rules.Ruleset) {
	now := time.Now()
	l.current.Store(rs)
	l.loadedAt.Store(&now)
	l.rejected.Store(nil)
	l.succeeded.Set(1)
	l.lastGood.SetToCurrentTime()
	l.onChange(rs)
}

// reload reads the rules again. Problems are logged; with errors the old rules go on.
func (l *ruleLoader) reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	rs, problems := l.load()
	if rs == nil {
		l.rejected.Store(&problems)
		l.succeeded.Set(0)
		l.reloads.WithLabelValues("rejected").Inc()
		var text strings.Builder
		_ = diag.WriteText(&text, problems, false) // a Builder takes everything
		l.log.Error("rules rejected; the rules in use go on", "ruleset", l.Current().Hash(), "problems", text.String())
		return &RulesError{Problems: problems}
	}
	l.warn(problems)
	if rs.Hash() == l.Current().Hash() {
		l.log.Info("rules unchanged: those on disk are in use", "ruleset", rs.Hash(), "rejected before", l.rejected.Load() != nil)
		l.rejected.Store(nil)
		l.succeeded.Set(1)
		l.reloads.WithLabelValues("unchanged").Inc()
		return nil
	}
	old := l.Current().Hash()
	l.use(rs)
	l.reloads.WithLabelValues("loaded").Inc()
	l.log.Info("rules reloaded", "ruleset", rs.Hash(), "before", old, "rules", len(rs.Rules()))
	return nil
}

func (l *ruleLoader) warn(problems []diag.Problem) {
	for _, p := range problems {
		l.log.Warn("rules: "+p.Message, "file", p.File, "line", p.Line, "column", p.Column, "code", p.Code, "hint", p.Hint)
	}
}

// watch reloads when the files change, until ctx ends. It looks at sizes and times instead
// of asking the kernel for events: that costs microseconds, and works on every file system
// and with every way of replacing a file. A change is taken over once it has come to rest
// for one look, so that a file that is still being written is not read.
func (l *ruleLoader) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, changed := l.look()
		if now == before && changed {
			_ = l.reload() // it has logged what is wrong
		}
		before = now
	}
}

// look takes the fingerprint of the files as they are now.
func (l *ruleLoader) look() (now string, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = fingerprint(l.watched)
	return now, now != l.loaded
}

// fingerprint changes when any of the files does.
func fingerprint(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // a folder that a link names is walked, too, and another target is a change
		}
		_ = filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
			b.WriteString(name)
			// What cannot be read has no size and no time; that is a change as well.
			if info, statErr := os.Stat(name); err == nil && statErr == nil && !info.IsDir() { // through links, too
				b.WriteString(" " + strconv.FormatInt(info.Size(), 10) + " " + strconv.FormatInt(info.ModTime().UnixNano(), 10))
			}
			b.WriteByte('\n')
			return nil
		})
	}
	return b.String()
}
