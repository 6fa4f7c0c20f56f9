package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Range is a time of day in minutes since midnight, To exclusive. To is beyond the day's end
// when the range ends on the next day.
type Range struct{ From, To int }

const minutesPerDay = 24 * 60

// String writes the range as 22:00-06:00.
func (r Range) String() string {
	to := r.To
	if to > minutesPerDay {
		to -= minutesPerDay
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", r.From/60, r.From%60, to/60, to%60)
}

// Week are the ranges that begin on each weekday. Fill it with Add.
type Week [7][]Range

// Add opens the ranges on each of the days. Its error names the first two that overlap, on
// the same day or because one lasts into the next.
func (w *Week) Add(days []time.Weekday, ranges []Range) error {
	for _, day := range days {
		for _, r := range ranges {
			if otherDay, other, found := w.overlapping(day, r); found {
				return fmt.Errorf("%s on %s overlaps %s on %s", r, shortDays[day], other, shortDays[otherDay])
			}
			w[day] = append(w[day], r)
		}
	}
	return nil
}

// overlapping finds a range that overlaps one on a day.
func (w *Week) overlapping(day time.Weekday, r Range) (time.Weekday, Range, bool) {
	for days := -1; days <= 1; days++ {
		otherDay, shift := time.Weekday((int(day)+days+7)%7), days*minutesPerDay
		for _, other := range w[otherDay] {
			if r.From < other.To+shift && other.From+shift < r.To {
				return otherDay, other, true
			}
		}
	}
	return 0, Range{}, false
}

// ParseRanges reads times such as "09:00-12:30 13:30-17:30", with spaces or commas between
// them. The end may be 24:00; one that is before the beginning is on the next day. An error
// is a *SyntaxError.
func ParseRanges(text string) ([]Range, error) {
	var list []Range
	for _, w := range split(text) {
		r, err := parseRange(w)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, whole(text).problem(rangeExample, "there is no time in it")
	}
	return list, nil
}

const rangeExample = "such as 09:00-12:30 13:30-17:30"

func parseRange(w word) (Range, error) {
	from, to, ok := strings.Cut(w.text, "-")
	if !ok || from == "" || to == "" {
		return Range{}, w.problem(rangeExample, "%q is not a range of times", w.text)
	}
	r := Range{}
	if r.From, ok = parseTime(from); !ok {
		return Range{}, w.problem(rangeExample, "%q is not a time of day", from)
	}
	if r.To, ok = parseTime(to); !ok {
		return Range{}, w.problem(rangeExample, "%q is not a time of day", to)
	}
	switch {
	case r.From == minutesPerDay:
		return Range{}, w.problem("write 00:00, of the next day", "a range cannot begin at 24:00")
	case r.From == r.To:
		return Range{}, w.problem("the whole day is 00:00-24:00", "the range %s is empty", w.text)
	case r.To < r.From:
		r.To += minutesPerDay
	}
	return r, nil
}

// parseTime reads 9:00, 09:00 or 24:00.
func parseTime(s string) (minutes int, ok bool) {
	hour, minute, found := strings.Cut(s, ":")
	h, okHour := digits(hour, 1, 2)
	m, okMinute := digits(minute, 2, 2)
	total := h*60 + m
	return total, found && okHour && okMinute && m < 60 && total <= minutesPerDay
}

// digits reads a number that has from least to most digits.
func digits(s string, least, most int) (n int, ok bool) {
	if len(s) < least || len(s) > most {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

var shortDays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWeekdays reads days such as "mon-fri", "sat" or "mon, wed, fri-sun". An error is a
// *SyntaxError.
func ParseWeekdays(text string) ([]time.Weekday, error) {
	var list []time.Weekday
	seen := map[time.Weekday]bool{}
	for _, w := range split(text) {
		first, last, isRange := strings.Cut(w.text, "-")
		from, err := parseWeekday(w, first)
		if err != nil {
			return nil, err
		}
		to := from
		if isRange {
			if to, err = parseWeekday(w, last); err != nil {
				return nil, err
			}
		}
		for day := from; ; day = (day + 1) % 7 {
			if seen[day] {
				return nil, w.problem("", "%s is there twice", shortDays[day])
			}
			seen[day] = true
			list = append(list, day)
			if day == to {
				break
			}
		}
	}
	if len(list) == 0 {
		return nil, whole(text).problem(dayExample, "there is no day in it")
	}
	return list, nil
}

const dayExample = "such as mon-fri; the days are mon, tue, wed, thu, fri, sat, sun"

func parseWeekday(w word, name string) (time.Weekday, error) {
	for day, short := range shortDays {
		if strings.EqualFold(name, short) || strings.EqualFold(name, time.Weekday(day).String()) {
			return time.Weekday(day), nil
		}
	}
	return 0, w.problem(dayExample, "%q is not a day of the week", name)
}
