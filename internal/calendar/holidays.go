package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"
)

const (
	// maxHolidays bounds what a file may hold, with every repetition counted.
	maxHolidays = 20_000
	// lastHoliday is the year until which repetitions are followed.
	lastHoliday = 2099
	// maxRepeat bounds the text of a repetition; the library's work grows with it.
	maxRepeat = 200
)

// ParseHolidays reads the all-day events of an iCalendar file: days on which a calendar is
// closed. Events may last several days and repeat every year, with exceptions. Events at a
// time of day are an error rather than left out: whoever wrote them meant something by them.
func ParseHolidays(text []byte) (days []Days, err error) {
	defer func() {
		if recover() != nil { // the libraries must not be able to end the service
			days, err = nil, errors.New("this cannot be read as an iCalendar file")
		}
	}()
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if !bytes.HasPrefix(text, []byte("BEGIN:VCALENDAR")) || !bytes.HasSuffix(text, []byte("END:VCALENDAR")) {
		return nil, errors.New("an iCalendar file begins with BEGIN:VCALENDAR and ends with END:VCALENDAR")
	}
	file, err := ics.ParseCalendarWithOptions(bytes.NewReader(text), ics.WithUnknownPropertyHandler(ics.AcceptUnknownPropertyHandler))
	if err != nil {
		return nil, err
	}
	events := file.Events()
	moved, err := movedDates(events)
	if err != nil {
		return nil, err
	}
	for _, ev := range events {
		h, err := readHoliday(ev)
		if err == nil {
			days, err = h.appendTo(days, moved[ev.Id()])
		}
		if err != nil {
			return nil, fmt.Errorf("event %q: %w", nameOf(ev), err)
		}
	}
	if len(days) == 0 {
		return nil, errors.New("there is no all-day event in it")
	}
	return merge(days), nil
}

// nameOf is what people call an event.
func nameOf(ev *ics.VEvent) string {
	for _, key := range []ics.ComponentProperty{ics.ComponentPropertySummary, ics.ComponentPropertyUniqueId} {
		if p := ev.GetProperty(key); p != nil && p.Value != "" {
			return strings.ToValidUTF8(p.Value, "?")
		}
	}
	return "without a name"
}

// movedDates are, for each repeating event, the dates whose repetition another event
// replaces.
func movedDates(events []*ics.VEvent) (map[string][]Date, error) {
	moved := map[string][]Date{}
	for _, ev := range events {
		dates, err := datesOf(ev, ics.ComponentPropertyRecurrenceId)
		if err != nil {
			return nil, fmt.Errorf("event %q: %w", nameOf(ev), err)
		}
		moved[ev.Id()] = append(moved[ev.Id()], dates...)
	}
	return moved, nil
}

// holiday is an event of a file.
type holiday struct {
	first     Date
	length    Date // in days
	repeats   []*rrule.RRule
	also      []Date // further beginnings
	except    []Date // beginnings that do not count
	replaces  bool   // it stands for one repetition of another event
	cancelled bool
}

func readHoliday(ev *ics.VEvent) (*holiday, error) {
	h := &holiday{replaces: ev.GetProperty(ics.ComponentPropertyRecurrenceId) != nil}
	if p := ev.GetProperty(ics.ComponentPropertyStatus); p != nil {
		h.cancelled = strings.EqualFold(p.Value, "CANCELLED")
	}
	start := ev.GetProperty(ics.ComponentPropertyDtStart)
	if start == nil {
		return nil, errors.New("it has no DTSTART")
	}
	var err error
	if h.first, err = icsDate(start.Value); err != nil {
		return nil, fmt.Errorf("DTSTART: %w", err)
	}
	if h.length, err = lengthOf(ev, h.first); err != nil {
		return nil, err
	}
	for _, p := range ev.GetProperties(ics.ComponentPropertyRrule) {
		rule, err := repeat(p.Value, h.first)
		if err != nil {
			return nil, fmt.Errorf("RRULE: %w", err)
		}
		h.repeats = append(h.repeats, rule)
	}
	if h.also, err = datesOf(ev, ics.ComponentPropertyRdate); err != nil {
		return nil, err
	}
	h.except, err = datesOf(ev, ics.ComponentPropertyExdate)
	return h, err
}

// lengthOf is how many days an event lasts. The end is the day after it, and some programs
// write the day itself.
func lengthOf(ev *ics.VEvent, first Date) (Date, error) {
	if end := ev.GetProperty(ics.ComponentPropertyDtEnd); end != nil {
		after, err := icsDate(end.Value)
		switch {
		case err != nil:
			return 0, fmt.Errorf("DTEND: %w", err)
		case after < first:
			return 0, fmt.Errorf("it ends on %s, before it begins on %s", after, first)
		}
		return max(1, after-first), nil
	}
	if p := ev.GetProperty(ics.ComponentPropertyDuration); p != nil {
		return wholeDays(p.Value)
	}
	return 1, nil
}

// wholeDays reads durations such as P1D and P2W.
func wholeDays(text string) (Date, error) {
	const most = 366
	for unit, days := range map[string]int{"D": 1, "W": 7} {
		if number, ok := strings.CutSuffix(strings.TrimPrefix(strings.ToUpper(text), "+"), unit); ok {
			n, err := strconv.Atoi(strings.TrimPrefix(number, "P"))
			if err == nil && strings.HasPrefix(number, "P") && n > 0 && n <= most/days {
				return Date(n * days), nil
			}
		}
	}
	return 0, fmt.Errorf("the DURATION %q is not a number of whole days", text)
}

// repeat reads a repetition.
func repeat(text string, first Date) (*rrule.RRule, error) {
	if len(text) > maxRepeat {
		return nil, fmt.Errorf("it is longer than %d characters", maxRepeat)
	}
	options, err := rrule.StrToROption(text)
	switch {
	case err != nil:
		return nil, err
	case options.Freq != rrule.YEARLY:
		return nil, fmt.Errorf("%s: only holidays that repeat every year (FREQ=YEARLY) are supported", text)
	case len(options.Byhour)+len(options.Byminute)+len(options.Bysecond) > 0:
		return nil, fmt.Errorf("%s: a holiday lasts whole days", text)
	case options.Interval > lastYear-firstYear:
		return nil, fmt.Errorf("%s: the interval is too long", text)
	}
	options.Dtstart = first.utc()
	if end := time.Date(lastHoliday, time.December, 31, 0, 0, 0, 0, time.UTC); options.Until.IsZero() || options.Until.After(end) {
		options.Until = end
	}
	return rrule.NewRRule(*options)
}

// datesOf reads a property that holds dates and may be there several times. Of a time only
// the date counts.
func datesOf(ev *ics.VEvent, key ics.ComponentProperty) ([]Date, error) {
	var list []Date
	for _, p := range ev.GetProperties(key) {
		for value := range strings.SplitSeq(p.Value, ",") {
			day, _, _ := strings.Cut(value, "T")
			date, err := icsDate(day)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			list = append(list, date)
		}
	}
	return list, nil
}

// icsDate reads a date as iCalendar writes it: 20261225.
func icsDate(text string) (Date, error) {
	t, err := time.Parse("20060102", strings.TrimSpace(text))
	switch {
	case err != nil && strings.Contains(text, "T"):
		return 0, fmt.Errorf("%s is a time of day, and holidays are whole days", text)
	case err != nil:
		return 0, fmt.Errorf("%q is not a date", text)
	case t.Year() < firstYear || t.Year() > lastYear:
		return 0, fmt.Errorf("%s: the year must be from %d to %d", text, firstYear, lastYear)
	}
	return dateOf(t), nil
}

// appendTo appends the days of the holiday, without the repetitions that another event
// replaces.
func (h *holiday) appendTo(days []Days, moved []Date) ([]Days, error) {
	if h.cancelled {
		return days, nil
	}
	except := h.except
	if !h.replaces {
		except = slices.Concat(h.except, moved)
	}
	add := func(first Date) {
		if !slices.Contains(except, first) {
			days = append(days, Days{first, first + h.length - 1})
		}
	}
	add(h.first)
	for _, date := range h.also {
		add(date)
	}
	for _, rule := range h.repeats {
		next := rule.Iterator()
		t, ok := next()
		if !ok { // to find that out takes the library long, so once must be enough
			return nil, errors.New("RRULE: it never happens")
		}
		for ; ok && len(days) <= maxHolidays; t, ok = next() {
			add(dateOf(t))
		}
	}
	if len(days) > maxHolidays {
		return nil, fmt.Errorf("there are more than %d holidays", maxHolidays)
	}
	return days, nil
}
