package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	commits  prometheus.Counter
	writes   prometheus.Counter
	repeated prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		commits: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_store_commits_total", Help: "Transactions that the store committed or tried to.",
		}),
		writes: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_store_writes_total", Help: "Writes in the store's transactions; divided by commits it shows what group commit saves.",
		}),
		repeated: f.NewCounter(prometheus.CounterOpts{
			Name: "switchboard_events_repeated_total", Help: "Notifications that were stored and then dropped, because their event was there already.",
		}),
	}
}

// collector counts what waits in the store whenever metrics are gathered.
type collector struct{ store *Store }

// The gauges that are read from the store.
var (
	descEventsWaiting  = gauge("switchboard_events_waiting", "Events stored and not yet evaluated.")
	descOldestEvent    = gauge("switchboard_events_waiting_oldest_seconds", "Age of the oldest event that is not yet evaluated.")
	descActionsWaiting = gauge("switchboard_queue_actions", "Actions planned and not yet finished.")
	descOldestAction   = gauge("switchboard_queue_oldest_action_seconds", "Age of the oldest action that is not yet finished.")
	descDoubt          = gauge("switchboard_actions_in_doubt", "Actions in flight or in doubt, of the kinds that may not be sent twice.")
	descDead           = gauge("switchboard_dead_letters", "Actions that failed for good.")
	descParked         = gauge("switchboard_parked_actions", "Actions in doubt that wait for a person.")
	descHeld           = gauge("switchboard_held_actions", "Actions held back because an earlier one of their run failed.")
	descReplicas       = gauge("switchboard_replicas", "Living replicas that share the database, this one included.")
	descLeads          = gauge("switchboard_replica_leads", "1 on the replica that does what only one does, such as schedules, else 0.")
	descOutdated       = gauge("switchboard_replica_outdated", "1 while another replica has newer rules, so that this one leaves decisions to it, else 0.")
	descInLine         = gauge("switchboard_waiting_conversations", "Conversations that wait for a teammate of a team to have time.")
)

func gauge(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descEventsWaiting, descOldestEvent, descActionsWaiting, descOldestAction, descDoubt, descDead, descParked, descHeld,
		descInLine, descReplicas, descLeads, descOutdated,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := c.store.Stats(ctx)
	send := func(desc *prometheus.Desc, v float64) {
		if err != nil {
			ch <- prometheus.NewInvalidMetric(desc, err)
			return
		}
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
	send(descEventsWaiting, float64(st.EventsWaiting))
	send(descOldestEvent, c.store.age(st.OldestEvent))
	send(descActionsWaiting, float64(st.ActionsWaiting))
	send(descOldestAction, c.store.age(st.OldestAction))
	send(descDoubt, float64(st.Attempting))
	send(descDead, float64(st.Dead))
	send(descParked, float64(st.Parked))
	send(descHeld, float64(st.Held))
	send(descInLine, float64(st.InLine))
	err = nil // the rest is known without asking
	all, _ := c.store.Replicas()
	send(descReplicas, float64(max(len(all), 1)))
	send(descLeads, boolean(c.store.Leads()))
	send(descOutdated, boolean(c.store.Outdated()))
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (s *Store) age(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(s.Now().Sub(t).Seconds(), 0)
}
