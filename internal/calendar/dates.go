package calendar

import (
	"slices"
	"strings"
	"time"
)

// Date is a day, counted from 1 January 1970.
type Date int

// Years in which dates may lie: what is outside is a slip of the pen.
const (
	firstYear = 1900
	lastYear  = 2199
)

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(floorDiv(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix(), secondsPerDay))
}

// String writes the date as 2026-12-25.
func (d Date) String() string { return d.utc().Format(time.DateOnly) }

// utc is the day's beginning in UTC.
func (d Date) utc() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

func (d Date) weekday() time.Weekday {
	const thursday = 4 // 1 January 1970
	return time.Weekday(((int(d)+thursday)%7 + 7) % 7)
}

// Days are all days from First to Last.
type Days struct{ First, Last Date }

// ParseDays reads a date or a range of dates: "2026-12-25" or "2026-12-24 to 2027-01-01". An
// error is a *SyntaxError.
func ParseDays(text string) (Days, error) {
	words := split(text)
	switch {
	case len(words) == 1:
		date, err := parseDate(words[0])
		return Days{date, date}, err
	case len(words) == 3 && words[1].text == "to":
		first, err := parseDate(words[0])
		if err != nil {
			return Days{}, err
		}
		last, err := parseDate(words[2])
		if err != nil {
			return Days{}, err
		}
		if last < first {
			return Days{}, words[2].problem("", "%s is before %s", last, first)
		}
		return Days{first, last}, nil
	}
	return Days{}, whole(text).problem("such as 2026-12-25 or 2026-12-24 to 2027-01-01", "this must be a date or a range of dates")
}

func parseDate(w word) (Date, error) {
	t, err := time.Parse(time.DateOnly, w.text)
	switch {
	case err != nil && strings.Contains(err.Error(), "out of range"):
		return 0, w.problem("", "there is no day %q", w.text)
	case err != nil:
		return 0, w.problem("such as 2026-12-25", "%q is not a date", w.text)
	case t.Year() < firstYear || t.Year() > lastYear:
		return 0, w.problem("", "the year must be from %d to %d", firstYear, lastYear)
	}
	return dateOf(t), nil
}

// merge sorts days and joins those that overlap or follow each other.
func merge(list []Days) []Days {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Days) int { return int(a.First - b.First) })
	var out []Days
	for _, d := range sorted {
		if n := len(out); n > 0 && d.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, d.Last)
			continue
		}
		out = append(out, d)
	}
	return out
}
