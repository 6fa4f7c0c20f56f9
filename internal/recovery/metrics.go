package recovery

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// How a pass ends.
const (
	passDone   = "done"
	passFailed = "failed"
)

// Why something cannot be rebuilt.
const (
	lostLong       = "long"       // older than the parts that Intercom returns
	lostTicket     = "ticket"     // the conversation is a ticket
	lostUnreadable = "unreadable" // Intercom refuses it, or it makes no sense
)

type metrics struct {
	recovered *prometheus.CounterVec
	lost      *prometheus.CounterVec
	passes    *prometheus.CounterVec
	watermark prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		recovered: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_recovered_events_total", Help: "Events that no notification told of and that were rebuilt, by topic.",
		}, []string{"topic"}),
		lost: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_recovery_unreadable_conversations_total",
			Help: "Conversations searched for missed events of which not everything can be rebuilt, by reason (long, ticket, unreadable).",
		}, []string{"reason"}),
		passes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_recovery_passes_total", Help: "Searches for missed events, by result (done, failed).",
		}, []string{"result"}),
		watermark: f.NewGauge(prometheus.GaugeOpts{
			Name: "switchboard_recovery_watermark_timestamp_seconds",
			Help: "Time up to which missed events were searched for, in Unix seconds; 0 before the first search of this process.",
		}),
	}
	for _, topic := range Topics() {
		m.recovered.WithLabelValues(topic)
	}
	for _, result := range []string{passDone, passFailed} {
		m.passes.WithLabelValues(result)
	}
	for _, reason := range []string{lostLong, lostTicket, lostUnreadable} {
		m.lost.WithLabelValues(reason)
	}
	return m
}
