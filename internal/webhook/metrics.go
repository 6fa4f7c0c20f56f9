package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"switchboard/internal/event"
)

// topicOther is the topic label of topics that Intercom is not known to have, and of requests
// that were answered before their topic was known.
const topicOther = "other"

type metrics struct {
	webhooks *prometheus.CounterVec
	ack      prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		webhooks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_webhooks_total",
			Help: "Requests to the webhook endpoint, by topic and result.",
		}, []string{"topic", "result"}),
		ack: f.NewHistogram(prometheus.HistogramOpts{
			Name: "switchboard_webhook_ack_seconds",
			Help: "Time from a notification's header to its answer, for notifications with a valid signature.",
			// 0.5 s is where Intercom begins to serve an endpoint at lower priority, 5 s where it gives up.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	// Series that begin at 0 make rates right from the first request on. A hundred topics
	// times three results would be mostly noise, so topics appear when they first arrive.
	for _, r := range []result{
		resultStored, resultDuplicate, resultBadSignature, resultBadRequest, resultTooLarge, resultBusy, resultStopping, resultMethod,
	} {
		m.webhooks.WithLabelValues(topicOther, string(r))
	}
	m.webhooks.WithLabelValues(event.TopicPing, string(resultPing))
	return m
}

func (m *metrics) count(topic string, r result) {
	if !event.KnownTopic(topic) {
		topic = topicOther
	}
	m.webhooks.WithLabelValues(topic, string(r)).Inc()
}

func (m *metrics) acknowledged(d time.Duration) { m.ack.Observe(d.Seconds()) }
