package webhook

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchboard/internal/event"
)

func counted(h *Handler, topic string, r result) float64 {
	return testutil.ToFloat64(h.metrics.webhooks.WithLabelValues(topic, string(r)))
}

func TestMetricsStartAtZeroAndAreWellNamed(t *testing.T) {
	reg := prometheus.NewRegistry()
	newHandler(t, &memory{}, func(o *Options) { o.Registerer = reg })
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	want := `# HELP switchboard_webhooks_total Requests to the webhook endpoint, by topic and result.
# TYPE switchboard_webhooks_total counter
switchboard_webhooks_total{result="ping",topic="ping"} 0
`
	for _, r := range []string{"bad_request", "bad_signature", "busy", "duplicate", "method", "stopping", "stored", "too_large"} {
		want += fmt.Sprintf("switchboard_webhooks_total{result=%q,topic=\"other\"} 0\n", r)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "switchboard_webhooks_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "switchboard_webhook_ack_seconds"); n != 1 || err != nil {
		t.Errorf("%d acknowledgement histograms (%v)", n, err)
	}
}

func TestMetricsTopicsAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHandler(t, &memory{}, func(o *Options) { o.Registerer = reg })
	for i := range 500 {
		serve(h, post(notification(fmt.Sprint(i), fmt.Sprintf("made.up.%d", i))))
	}
	for i, topic := range event.Topics() {
		serve(h, post(notification(fmt.Sprint("known", i), topic)))
	}
	series, err := testutil.GatherAndCount(reg, "switchboard_webhooks_total")
	if limit := len(event.Topics()) + 10; err != nil || series > limit {
		t.Errorf("%d series (%v), want at most %d", series, err, limit)
	}
	if got := counted(h, "other", resultStored); got != 500 {
		t.Errorf("%g events of unknown topics were counted, want 500", got)
	}
}

// Noise from the internet must not change the figure that people set alarms on.
func TestMetricsTimeOnlyWhatIsSigned(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHandler(t, &memory{}, func(o *Options) { o.Registerer = reg })
	body := notification("n1", "a.b")
	unsigned := post(body)
	unsigned.Header.Del(SignatureHeader)
	forged := post(body)
	forged.Header.Set(SignatureHeader, Sign("guess", body))
	serve(h, unsigned)
	serve(h, forged)
	serve(h, post(body))
	serve(h, post(body))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "switchboard_webhook_ack_seconds" {
			if n := f.GetMetric()[0].GetHistogram().GetSampleCount(); n != 2 {
				t.Errorf("%d times were taken, want 2", n)
			}
			return
		}
	}
	t.Error("no such metric")
}
