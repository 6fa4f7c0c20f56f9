package app_test

import (
	"strings"
	"testing"

	"switchboard/internal/store/storetest"
)

// TestOnPostgres holds the suite against PostgreSQL, but for what takes simulated days or hundreds of
// worlds: there each look at the store is a real round trip.
func TestOnPostgres(t *testing.T) {
	if racing {
		t.Skip("it runs without the race detector, which sees the replicas of the other tests")
	}
	storetest.OnPostgres(t, strings.Join([]string{
		"an_hour_of_downtime", "late_notifications", "recovery_that_is_cut_off", "history_is_not", "Workspaces_fair",
		"Examples_gone_quiet", "Examples_stale", "Examples_out_of_hours", "every_kind_of_call", "zoo_loops", "what_ends_stays",
		"Timers_month", "Timers_contacts", "restarts_and_reloads", "pause_of_hours", "if_late", "TestLimit", "TestCooldown",
		"cooldown_of_a_contact", "line_outlasts_refusals", "sweeps_do_not_pile_up", "search_that_is_refused",
		// What is decided, and read again, is the same; the store's own suite reads it on both.
		"Explain_says", "Shadow_agreement", "Backtest_tells",
		"I9_replayed", "replicas", "rolling", // these are on PostgreSQL in any case
	}, "|"))
}
