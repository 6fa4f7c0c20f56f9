package actions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCount(t *testing.T) {
	counters := NewCounters()
	counters.Declare([]CounterSpec{{Name: "plain", Help: "Plain."}, {Name: "refunds", Help: "Refunds.", Labels: []string{"plan", "team"}}})
	env := &Env{Counters: counters}
	for range 2 {
		for _, src := range []string{"count: plain", "count: {counter: refunds, labels: {plan: '{{ plan }}', team: 7}, by: 2.5}"} {
			kind, params, err := plan(t, src, map[string]string{"plan": "pro"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kind.Do(t.Context(), env, Call{Params: params}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const want = `
# HELP switchboard_custom_plain_total Plain.
# TYPE switchboard_custom_plain_total counter
switchboard_custom_plain_total 2
# HELP switchboard_custom_refunds_total Refunds.
# TYPE switchboard_custom_refunds_total counter
switchboard_custom_refunds_total{plan="pro",team="7"} 5
`
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(counters)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}

	t.Run("a reload keeps what has the same labels", func(t *testing.T) {
		counters.Declare([]CounterSpec{{Name: "plain", Help: "Still plain."}, {Name: "refunds", Help: "Refunds.", Labels: []string{"plan"}}})
		if got := testutil.CollectAndCount(counters); got != 1 {
			t.Errorf("%d series, want the plain one", got)
		}
		if counters.Add("gone", nil, 1) {
			t.Error("a counter that is not declared was counted")
		}
	})

	t.Run("labels cannot fill the memory", func(t *testing.T) {
		for i := range 10_000 {
			counters.Add("refunds", map[string]string{"plan": fmt.Sprint(i, strings.Repeat("x", 1000))}, 1)
		}
		if got := testutil.CollectAndCount(counters); got > maxSeries+2 {
			t.Errorf("%d series, want at most %d", got, maxSeries+2)
		}
		if got := counters.byName["refunds"].of([]string{OtherLabel}).total; got != 10_000-maxSeries {
			t.Errorf("%v counted as other", got)
		}
	})
}
