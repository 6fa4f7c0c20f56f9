package app_test

import (
	"testing"

	"switchboard/internal/store/storetest"
)

// TestOnPostgres holds the suite against PostgreSQL, but for what takes simulated days or hundreds of
// worlds: there each look at the store is a real round trip.
func TestOnPostgres(t *testing.T) {
	if racing {
		t.Skip("it runs without the race detector, which sees the replicas of the other tests")
	}
	storetest.OnPostgres(t, "late_notifications|recovery_that_is_cut_off|gone_quiet|Examples_stale|every_kind_of_call|zoo_loops|what_ends_stays|Timers_month|restarts_and_reloads|pause_of_hours|if_late"+
		"|replicas|rolling") // these are on PostgreSQL in any case
}
