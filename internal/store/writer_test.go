package store

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestIntakeGoesFirst: while many events come, all permits but one are intake's, so that work goes on
// but not beside itself; all of them are given back when few come, or none.
func TestIntakeGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const operators = 6
		l := &loop{writer: &writer{permits: make(chan struct{}, operators)}}
		for range operators {
			l.permits <- struct{}{}
		}
		check := func(when string, want int) {
			t.Helper()
			if got := len(l.permits); got != want {
				t.Errorf("%s: %d permits are left, want %d", when, got, want)
			}
		}
		transactions := func(events int) {
			for range 4 * latelyTurns {
				l.before(events)
			}
		}
		transactions(1)
		check("events come one by one", operators)
		l.before(mostIntakeAlone / 2)
		l.before(0)
		l.before(0)
		check("many came once", operators)

		<-l.permits
		<-l.permits
		transactions(2 * busyIntake)
		check("many come while two are used", 0)
		l.permits <- struct{}{}
		l.permits <- struct{}{}
		transactions(2 * busyIntake)
		check("many come", 1)
		l.before(1)
		check("few come once", 1)
		transactions(1)
		check("few come", operators)

		if l.calm() != nil {
			t.Error("intake waits for calm although it keeps nothing")
		}
		transactions(2 * busyIntake)
		start := time.Now()
		<-l.calm()
		if took := time.Since(start); took != calmIntake {
			t.Errorf("calm after %s, want %s", took, calmIntake)
		}
	})
}

// TestIntakeAlone: where one loop serves both lines there is nothing to keep from anybody.
func TestIntakeAlone(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		l := &loop{writer: &writer{permits: make(chan struct{})}}
		for range 4 * latelyTurns {
			l.before(2 * busyIntake) // one that blocks ends the bubble as a deadlock
		}
	})
}
