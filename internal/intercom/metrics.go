package intercom

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type budgetMetrics struct {
	waits   *prometheus.HistogramVec
	limited prometheus.Counter
}

func newBudgetMetrics(reg prometheus.Registerer, state func() BudgetState) *budgetMetrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_budget_limit",
		Help: "API calls that Intercom allows in one rate-limit window.",
	}, func() float64 { return float64(state().Limit) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_budget_remaining",
		Help: "API calls that may still be made in the present rate-limit window.",
	}, func() float64 { return float64(state().Remaining) })
	m := &budgetMetrics{
		waits: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "switchboard_budget_wait_seconds",
			Help:    "Time that API calls waited for the budget, by priority.",
			Buckets: []float64{.001, .01, .1, .5, 1, 2, 5, 10, 20, 60},
		}, []string{"priority"}),
		limited: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_rate_limited_total",
			Help: "API calls that Intercom refused with status 429.",
		}),
	}
	for p := PriorityBackground; p <= PriorityReply; p++ {
		m.waits.WithLabelValues(p.String())
	}
	return m
}

func (m *budgetMetrics) wait(p Priority, d time.Duration) {
	m.waits.WithLabelValues(p.String()).Observe(d.Seconds())
}

type callMetrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newCallMetrics(reg prometheus.Registerer) *callMetrics {
	f := promauto.With(reg)
	return &callMetrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "switchboard_api_calls_total",
			Help: "Calls of Intercom's API, by endpoint and status of the answer (none: no answer).",
		}, []string{"endpoint", "status"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "switchboard_api_call_seconds",
			Help:    "Time from sending a call of Intercom's API to the end of its answer, by endpoint.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"endpoint"}),
	}
}

func (m *callMetrics) call(endpoint string, status int, d time.Duration) {
	m.calls.WithLabelValues(endpoint, statusLabel(status)).Inc()
	m.seconds.WithLabelValues(endpoint).Observe(d.Seconds())
}

// statusLabel keeps the label's values few, whatever a server answers.
func statusLabel(status int) string {
	switch status {
	case 200, 202, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504:
		return strconv.Itoa(status)
	case 0:
		return "none"
	}
	if status >= 100 && status < 600 {
		return strconv.Itoa(status/100) + "xx"
	}
	return "other"
}
