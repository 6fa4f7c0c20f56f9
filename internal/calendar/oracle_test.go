package calendar

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// oracle is a calendar in plain arithmetic: it looks at every minute by itself, and at the
// wall clock of the standard library, and knows nothing else about days and hours.
type oracle struct {
	zone   *time.Location
	rows   []oracleRow
	closed map[string]bool // as 2026-12-25
}

type oracleRow struct {
	day      time.Weekday
	from, to int // minutes; to is past 1440 when it ends on the next day
}

func (o *oracle) open(t time.Time) bool {
	local := t.In(o.zone)
	minute := local.Hour()*60 + local.Minute()
	today := local.Format(time.DateOnly)
	y, m, d := local.Date()
	yesterday := time.Date(y, m, d-1, 12, 0, 0, 0, time.UTC)
	for _, r := range o.rows {
		if r.day == local.Weekday() && !o.closed[today] && r.from <= minute && minute < r.to {
			return true
		}
		if r.day == yesterday.Weekday() && !o.closed[yesterday.Format(time.DateOnly)] && minute+1440 < r.to {
			return true
		}
	}
	return false
}

// randomOpening returns a calendar, as people write it and as the oracle has it.
func randomOpening(r *rand.Rand, zone string, near time.Time) (opening, *oracle) {
	o := opening{zone: zone}
	location, _ := time.LoadLocation(zone)
	plain := &oracle{zone: location, closed: map[string]bool{}}
	names := []string{"Sunday", "mon", "Tue", "wed", "thursday", "fri", "SAT"}
	late := 0 // how far the day before reaches into this one
	first := -1
	for i, name := range names {
		text, from := "", late
		late = 0
		if r.IntN(5) == 0 {
			continue
		}
		for from < 1440 && r.IntN(4) > 0 {
			from += r.IntN(400)
			to := from + 1 + r.IntN(600)
			if from >= 1440 {
				break
			}
			if first < 0 {
				first = from
			}
			switch {
			case to > 1440 && (i == len(names)-1 && to-1440 > first || r.IntN(2) == 0):
				to = 1440
			case to > 1440:
				late = to - 1440
			}
			end := fmt.Sprintf("%d:%02d", to/60, to%60)
			if to > 1440 {
				end = fmt.Sprintf("%02d:%02d", (to-1440)/60, (to-1440)%60)
			}
			text += fmt.Sprintf("%02d:%02d-%s ", from/60, from%60, end)
			plain.rows = append(plain.rows, oracleRow{time.Weekday(i), from, to})
			from = to
		}
		if text != "" {
			o.open = append(o.open, [2]string{name, text})
		}
	}
	for range r.IntN(4) {
		day := near.AddDate(0, 0, r.IntN(12)-4)
		length := r.IntN(3)
		o.closed = append(o.closed, day.Format(time.DateOnly)+" to "+day.AddDate(0, 0, length).Format(time.DateOnly))
		for i := range length + 1 {
			plain.closed[day.AddDate(0, 0, i).Format(time.DateOnly)] = true
		}
	}
	return o, plain
}

// oracleZones are zones with the places where their clocks change.
var oracleZones = map[string][]string{
	"Europe/Dublin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"America/New_York":    {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"}, // by half an hour
	"Asia/Kathmandu":      {"2026-06-01T00:00:00Z"},                         // 5:45 ahead, never changes
	"Africa/Casablanca":   {"2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"}, // negative summer time
	"Pacific/Apia":        {"2011-12-30T10:00:00Z"},                         // skipped a day
}

func TestCalendar_agrees_with_plain_arithmetic_minute_by_minute(t *testing.T) {
	const minutes = 6 * 1440
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for zone, changes := range oracleZones {
		t.Run(zone, func(t *testing.T) {
			r := rand.New(rand.NewPCG(4, uint64(len(zone))))
			for range rounds {
				change := at(t, changes[r.IntN(len(changes))])
				o, plain := randomOpening(r, zone, change)
				c := o.calendar(t)
				start := change.Add(-time.Duration(r.IntN(3*1440)) * time.Minute)
				open := make([]bool, minutes)  // of each minute
				passed := make([]int, minutes) // open minutes before it
				for i := range open {
					moment := start.Add(time.Duration(i) * time.Minute)
					open[i] = plain.open(moment)
					if i > 0 {
						passed[i] = passed[i-1]
						if open[i-1] {
							passed[i]++
						}
					}
					if got := c.Open(moment.Add(time.Duration(r.IntN(60)) * time.Second)); got != open[i] {
						t.Fatalf("%+v\nopen at %s: %v, want %v", o, moment.In(c.Zone()), got, open[i])
					}
				}
				for range 200 {
					agree(t, r, c, o, start, open, passed)
				}
			}
		})
	}
}

// agree compares what a calendar says about two random minutes with what was counted.
func agree(t *testing.T, r *rand.Rand, c *Calendar, o opening, start time.Time, open []bool, passed []int) {
	t.Helper()
	minute := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	a := r.IntN(len(open))
	b := a + r.IntN(len(open)-a)
	between := passed[b] - passed[a]
	if got := c.Between(minute(a), minute(b)); got != time.Duration(between)*time.Minute {
		t.Fatalf("%+v\nbetween %s and %s: %s, want %dm", o, minute(a), minute(b), got, between)
	}
	if between > 0 {
		d := 1 + r.IntN(between)
		want := a
		for passed[want] < passed[a]+d {
			want++
		}
		got, ok := c.Add(minute(a), time.Duration(d)*time.Minute)
		if !ok || !got.Equal(minute(want)) {
			t.Fatalf("%+v\n%dm after %s: %s %v, want %s", o, d, minute(a), got, ok, minute(want))
		}
	}
	end := a
	for end < len(open) && open[end] == open[a] {
		end++
	}
	if end < len(open) {
		got, opens, ok := c.Next(minute(a))
		if !ok || opens == open[a] || !got.Equal(minute(end)) {
			t.Fatalf("%+v\nnext after %s: %s opens=%v %v, want %s", o, minute(a), got, opens, ok, minute(end))
		}
	}
	begin := a
	for begin > 0 && open[begin-1] == open[a] {
		begin--
	}
	if span := c.At(minute(a)); begin > 0 && !span.From.Equal(minute(begin)) || span.Open != open[a] {
		t.Fatalf("%+v\nat %s: %+v, want from %s", o, minute(a), span, minute(begin))
	}
}

// For any moment and duration, not only whole minutes.
func TestCalendar_what_is_added_has_passed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		o, _ := randomOpening(r, "Europe/Dublin", at(t, "2026-10-25T01:00:00Z"))
		c := o.calendar(t)
		from := at(t, "2026-10-20T00:00:00Z").Add(time.Duration(r.Int64N(int64(10 * 24 * time.Hour))))
		d := time.Duration(r.Int64N(int64(100 * time.Hour)))
		to, ok := c.Add(from, d)
		if !ok {
			if len(o.open) > 0 {
				t.Fatalf("%+v: no end", o)
			}
			continue
		}
		if got := c.Between(from, to); got != d {
			t.Fatalf("%+v\nfrom %s to %s: %s, want %s", o, from, to, got, d)
		}
		if d > 0 && c.Between(from, to.Add(-1)) == d {
			t.Fatalf("%+v\n%s after %s had passed before %s", o, d, from, to)
		}
	}
}
