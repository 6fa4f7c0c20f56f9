package engine

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"switchboard/internal/rules"
)

type metrics struct {
	outcomes  *prometheus.CounterVec
	shadowed  *prometheus.CounterVec
	evaluated prometheus.Histogram
	broken    prometheus.Counter
	postponed prometheus.Counter
	timers    *prometheus.CounterVec
	timerLag  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		outcomes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_rule_outcomes_total",
			Help: "What became of rules that listen to an event's topic, by rule and outcome.",
		}, []string{"rule", "outcome"}),
		shadowed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_shadow_actions_total",
			Help: "Actions that rules in shadow would have done, by rule and kind.",
		}, []string{"rule", "kind"}),
		evaluated: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "switchboard_event_to_decision_seconds",
			Help:    "Time from receiving an event to its stored decision.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}),
		broken: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_breaker_held_back_total", Help: "Runs of rules that the circuit breaker held back: their subject had too many actions in an hour.",
		}),
		postponed: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_events_postponed_total",
			Help: "Evaluations put off because facts could not be read or stored.",
		}),
		timers: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_timers_total", Help: "What became of timers, by change.",
		}, []string{"change"}),
		timerLag: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "switchboard_timer_lag_seconds",
			Help:    "Time from when a timer came due to the decision on it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
		}),
	}
	for _, change := range rules.TimerTransitions() {
		m.timers.WithLabelValues(string(change))
	}
	return m
}
