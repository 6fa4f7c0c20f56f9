// Package schedule says when something that repeats is due: by a cron line in a time zone, or
// in an interval. It is arithmetic, keeps nothing and reads no clock.
//
// A cron line names times as clocks show them. Its fields are read and followed by a library, in
// a day that has no daylight saving; what the zone makes of such a time is decided here, because
// libraries lose it or take it twice:
//
//   - A time that clocks skip comes at the first moment after the gap.
//   - A time that clocks show twice comes once, the first time.
//   - A line for every hour (its second field is *) follows the clock as it runs: nothing is made
//     up for in a gap, and an hour that repeats has its times again.
//
// Intervals are counted from the beginning of time and not from a start, so that a restart does
// not shift them.
package schedule

import (
	"time"

	cron "github.com/netresearch/go-cron"
)

// Schedule is when something is due, again and again. It never changes and is safe for
// concurrent use.
type Schedule struct {
	text     string
	zone     *time.Location
	times    cron.Schedule // as clocks show them; nil for an interval
	hourly   bool          // the line is for every hour
	interval time.Duration
}

// Every is due in an interval. text is how people wrote it.
func Every(interval time.Duration, text string) *Schedule {
	return &Schedule{text: text, zone: time.UTC, interval: interval}
}

// String is the schedule as people wrote it, with its zone when it is not UTC. Schedules with
// the same text are due at the same times.
func (s *Schedule) String() string {
	if s.zone == time.UTC {
		return s.text
	}
	return s.text + " (" + s.zone.String() + ")"
}

// Next is the first time after t when it is due, in UTC; the zero time when there is none.
func (s *Schedule) Next(t time.Time) time.Time {
	switch {
	case s.times == nil:
		// The wall clock decides, not the time that this process has run.
		return t.Round(0).Truncate(s.interval).Add(s.interval).UTC()
	case s.hourly:
		return s.nextHourly(t)
	}
	// Later wall-clock times never come earlier, so the first that comes after t is the one.
	for wall := s.times.Next(wallClock(t, s.zone)); !wall.IsZero(); wall = s.times.Next(wall) {
		if at := comes(wall, s.zone); at.After(t) {
			return at.UTC()
		}
	}
	return time.Time{}
}

// nextHourly goes from one change of the zone's offset to the next. Between two of them clocks
// run as they do in UTC.
func (s *Schedule) nextHourly(t time.Time) time.Time {
	from := t.In(s.zone)
	for wall := wallClock(from, s.zone); ; {
		_, offset := from.Zone()
		next := s.times.Next(wall)
		if next.IsZero() {
			return time.Time{}
		}
		at := next.Add(-time.Duration(offset) * time.Second)
		end := offsetEnds(from)
		if end.IsZero() || at.Before(end) {
			return at.UTC()
		}
		from = end.In(s.zone)
		wall = wallClock(from, s.zone).Add(-time.Second) // the very moment of the change counts
	}
}

// offsetEnds is when the zone's offset at t may change; zero when it never does.
func offsetEnds(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// The library takes years after 2037 for 365 days, so on 31 December of a leap year the
		// bounds are those of the day before. No zone changes then.
		return t.Truncate(time.Hour).Add(time.Hour)
	}
	return end
}

// wallClock is what clocks of the zone show, as if it were UTC.
func wallClock(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.Round(0).Add(time.Duration(offset) * time.Second).UTC()
}

// comes is when clocks of the zone show this first, or pass it by.
func comes(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	begins, ends := at.ZoneBounds()
	switch shown := wallClock(at, zone); {
	case shown.After(wall): // the library went on by as much as clocks do
		return begins
	case shown.Before(wall): // or back
		return ends
	}
	if begins.IsZero() {
		return at
	}
	_, before := begins.Add(-time.Second).Zone()
	if first := wall.Add(-time.Duration(before) * time.Second); first.Before(begins) {
		return first
	}
	return at
}
