package calendar

import (
	"math"
	"slices"
	"time"
)

// Calendar is opening hours. Make one with New.
type Calendar struct {
	zone   *time.Location
	ranges [7][]stretch // of a weekday: within the day, sorted
	late   [7]int64     // how far the last range of a weekday reaches into the next day, in seconds
	closed []Days       // sorted, neither overlapping nor adjacent
}

// stretch is a part of a day in seconds since midnight, to exclusive.
type stretch struct{ from, to int64 }

const (
	secondsPerDay = 24 * 60 * 60
	// Horizon is how many years Add looks ahead.
	Horizon = 10
	// quiet is within how many days a calendar changes between open and closed, if it ever
	// does, once there are no closed days any more: a week, and another one or two when
	// daylight saving skips the only hour.
	quiet = 22
)

// New makes a calendar that is open in the ranges of the week, in wall-clock time of the
// zone, except on the closed days, which may overlap. The week is one that Week.Add made.
func New(zone *time.Location, week *Week, closed []Days) *Calendar {
	c := &Calendar{zone: zone, closed: merge(closed)}
	for day, ranges := range week {
		for _, r := range ranges {
			from, to := int64(r.From)*60, int64(r.To)*60
			c.ranges[day] = append(c.ranges[day], stretch{from, min(to, secondsPerDay)})
			c.late[day] = max(c.late[day], to-secondsPerDay)
		}
		slices.SortFunc(c.ranges[day], func(a, b stretch) int { return int(a.from - b.from) })
	}
	return c
}

// Zone is the time zone.
func (c *Calendar) Zone() *time.Location { return c.zone }

// Open tells whether it is open at t.
func (c *Calendar) Open(t time.Time) bool { return c.clock().at(t.Unix()).open }

// Span is a time during which a calendar is open, or closed, throughout.
type Span struct {
	Open bool
	// From is when it began, To when it ends; zero when it always was so, or will remain so.
	From, To time.Time
}

// At returns the span that holds t. Its times are in the calendar's zone.
func (c *Calendar) At(t time.Time) Span {
	k := c.clock()
	first, last := t.Unix(), t.Unix()
	if n := len(c.closed); n > 0 {
		first = min(first, int64(c.closed[0].First)*secondsPerDay)
		last = max(last, int64(c.closed[n-1].Last)*secondsPerDay)
	}
	first -= quiet * secondsPerDay
	last += quiet * secondsPerDay

	now := k.at(t.Unix())
	span := Span{Open: now.open}
	for p := now; p.from > first; {
		begin := p.from
		if p = k.at(begin - 1); p.open != now.open {
			span.From = time.Unix(begin, 0).In(c.zone)
			break
		}
	}
	for p := now; p.to < last; {
		end := p.to
		if p = k.at(end); p.open != now.open {
			span.To = time.Unix(end, 0).In(c.zone)
			break
		}
	}
	return span
}

// Next returns when it next opens or closes after t; ok is false when it never does.
func (c *Calendar) Next(t time.Time) (at time.Time, opens, ok bool) {
	span := c.At(t)
	return span.To, !span.Open, !span.To.IsZero()
}

// Add returns the moment when d of open time has passed since t: t itself when d is not
// positive. ok is false when that is more than Horizon years ahead, or never.
func (c *Calendar) Add(t time.Time, d time.Duration) (at time.Time, ok bool) {
	if d <= 0 {
		return t, true
	}
	k := c.clock()
	at = t.Round(0) // the wall clock decides, not the time that this process has run
	for limit := t.AddDate(Horizon, 0, 0); at.Before(limit); {
		p := k.at(at.Unix())
		end := time.Unix(p.to, 0).In(t.Location())
		if p.open {
			left := end.Sub(at)
			if d <= left {
				return at.Add(d), true
			}
			d -= left
		}
		at = end
	}
	return time.Time{}, false
}

// Between returns how long it is open from a to b; negative when b is before a.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if b.Before(a) {
		return -c.Between(b, a)
	}
	k := c.clock()
	var open time.Duration
	for at := a.Round(0); at.Before(b); {
		p := k.at(at.Unix())
		end := time.Unix(p.to, 0)
		if end.After(b) {
			end = b
		}
		if p.open {
			open += end.Sub(at)
		}
		at = end
	}
	return open
}

// clock reads a calendar at moments, given in Unix seconds. It remembers the offset of the
// zone, because the moments that one caller asks for are mostly near each other.
type clock struct {
	c        *Calendar
	offset   int64
	from, to int64 // the offset holds from, until to
}

func (c *Calendar) clock() *clock { return &clock{c: c} }

// piece is a time that is open, or closed, throughout; not always the longest such time.
type piece struct {
	from, to int64
	open     bool
}

// at returns a piece that holds the moment.
func (k *clock) at(sec int64) piece {
	if sec < k.from || sec >= k.to {
		k.setOffset(sec)
	}
	p := k.c.wall(sec + k.offset)
	return piece{max(p.from-k.offset, k.from), min(p.to-k.offset, k.to), p.open}
}

func (k *clock) setOffset(sec int64) {
	t := time.Unix(sec, 0).In(k.c.zone)
	_, offset := t.Zone()
	k.offset, k.from, k.to = int64(offset), math.MinInt64, math.MaxInt64
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		k.from = from.Unix()
	}
	if !to.IsZero() {
		k.to = to.Unix()
	}
	if sec < k.from || sec >= k.to {
		// The library takes every year for 365 days, so on the last day of a leap year the
		// bounds are those of the day before. No zone changes at other times than whole quarters
		// of an hour then.
		const quarter = 15 * 60
		k.from, k.to = sec, (floorDiv(sec, quarter)+1)*quarter
	}
}

// wall is at for what the wall clock shows, counted as if it stood in UTC.
func (c *Calendar) wall(sec int64) piece {
	day := Date(floorDiv(sec, secondsPerDay))
	midnight := int64(day) * secondsPerDay
	sec -= midnight

	late := c.late[(day - 1).weekday()]
	if late > 0 {
		if _, closed := c.closedOn(day - 1); closed {
			late = 0
		}
	}
	if sec < late {
		return piece{midnight, midnight + late, true}
	}
	if days, closed := c.closedOn(day); closed {
		from := midnight + late
		if day > days.First { // days in a row are one piece
			from = int64(days.First+1) * secondsPerDay
		}
		return piece{from, int64(days.Last+1) * secondsPerDay, false}
	}
	edge := late
	for _, r := range c.ranges[day.weekday()] {
		if sec < r.from {
			return piece{midnight + edge, midnight + r.from, false}
		}
		if sec < r.to {
			return piece{midnight + r.from, midnight + r.to, true}
		}
		edge = r.to
	}
	return piece{midnight + edge, midnight + secondsPerDay, false}
}

// closedOn finds the closed days that hold a day.
func (c *Calendar) closedOn(day Date) (Days, bool) {
	i, _ := slices.BinarySearchFunc(c.closed, day, func(d Days, day Date) int { return int(d.Last - day) })
	if i < len(c.closed) && c.closed[i].First <= day {
		return c.closed[i], true
	}
	return Days{}, false
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
