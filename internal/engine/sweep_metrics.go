package engine

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// How an occurrence of a schedule ends.
const (
	sweepFinished = "finished"
	sweepSkipped  = "skipped"
	sweepFailed   = "failed"
)

type sweepMetrics struct {
	sweeps  *prometheus.CounterVec
	results *prometheus.CounterVec
}

func newSweepMetrics(reg prometheus.Registerer) *sweepMetrics {
	f := promauto.With(reg)
	return &sweepMetrics{
		sweeps: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_sweeps_total",
			Help: "Occurrences of rules with a schedule, by rule and result (finished, skipped, failed).",
		}, []string{"rule", "result"}),
		results: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_sweep_results_total",
			Help: "What the searches of rules with a schedule found, by rule.",
		}, []string{"rule"}),
	}
}

func (m *sweepMetrics) ended(rule, result string) { m.sweeps.WithLabelValues(rule, result).Inc() }

// declare makes the counters of a rule start at zero.
func (m *sweepMetrics) declare(rule string) {
	m.results.WithLabelValues(rule)
	for _, result := range []string{sweepFinished, sweepSkipped, sweepFailed} {
		m.sweeps.WithLabelValues(rule, result)
	}
}
