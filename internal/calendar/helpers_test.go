package calendar

import (
	"testing"
	"time"
)

// opening is a calendar as people write it.
type opening struct {
	zone     string
	open     [][2]string // days, ranges
	closed   []string
	holidays string // iCalendar
}

func (o opening) calendar(t testing.TB) *Calendar {
	t.Helper()
	zone, err := LoadZone(o.zone)
	if err != nil {
		t.Fatal(err)
	}
	var week Week
	for _, pair := range o.open {
		days, err := ParseWeekdays(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		ranges, err := ParseRanges(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := week.Add(days, ranges); err != nil {
			t.Fatal(err)
		}
	}
	var closed []Days
	for _, text := range o.closed {
		days, err := ParseDays(text)
		if err != nil {
			t.Fatal(err)
		}
		closed = append(closed, days)
	}
	if o.holidays != "" {
		days, err := ParseHolidays([]byte(o.holidays))
		if err != nil {
			t.Fatal(err)
		}
		closed = append(closed, days...)
	}
	return New(zone, &week, closed)
}

// office is the calendar of the design.
var office = opening{
	zone:   "Europe/Dublin",
	open:   [][2]string{{"mon-fri", "09:00-12:30 13:30-17:30"}},
	closed: []string{"2026-12-25", "2027-01-01"},
}

// at reads a moment, such as 2026-11-20T17:30:00Z.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}
