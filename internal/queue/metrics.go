package queue

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"switchboard/internal/actions"
)

type metrics struct {
	actions   *prometheus.CounterVec
	toEffect  prometheus.Histogram
	readBacks *prometheus.CounterVec
	picks     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		actions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_actions_total", Help: "Attempts at actions that ended, by kind and result.",
		}, []string{"kind", "result"}),
		toEffect: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "switchboard_event_to_effect_seconds",
			Help:    "Time from receiving an event to the end of an action that it led to.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}),
		readBacks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_read_backs_total", Help: "Actions in doubt that were read back, by finding.",
		}, []string{"finding"}),
		picks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_picks_total", Help: "Picks of a teammate of a team, by result: picked, team (nobody could be, it stays with the team), waiting.",
		}, []string{"result"}),
	}
	for _, result := range []string{pickPicked, pickTeam, pickWaiting} {
		m.picks.WithLabelValues(result)
	}
	for _, kind := range actions.Names() {
		for _, result := range results {
			m.actions.WithLabelValues(kind, result)
		}
	}
	for _, f := range []actions.Finding{actions.Happened, actions.DidNotHappen, actions.Unclear} {
		m.readBacks.WithLabelValues(f.String())
	}
	return m
}
