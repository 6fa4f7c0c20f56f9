package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// events is an iCalendar file; each event is lines joined by |.
func events(list ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Acme//Holidays//EN\r\n")
	for _, ev := range list {
		b.WriteString("BEGIN:VEVENT\r\n" + strings.ReplaceAll(ev, "|", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	return b.String()
}

func TestParseHolidays(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		until string // what follows is left out
		want  []string
	}{
		"one day": {
			events("UID:1|SUMMARY:Christmas Day|DTSTART;VALUE=DATE:20261225|DTEND;VALUE=DATE:20261226"), "",
			[]string{"2026-12-25"},
		},
		"no end, an end on the day itself, and lengths": {
			events("UID:1|DTSTART;VALUE=DATE:20260601", "UID:2|DTSTART:20260701|DTEND:20260701",
				"UID:3|DTSTART;VALUE=DATE:20260801|DURATION:P2D", "UID:4|DTSTART;VALUE=DATE:20260901|DTEND;VALUE=DATE:20260904"), "",
			[]string{"2026-06-01", "2026-07-01", "2026-08-01", "2026-08-02", "2026-09-01", "2026-09-02", "2026-09-03"},
		},
		"every year": {
			events("UID:1|DTSTART;VALUE=DATE:20241225|RRULE:FREQ=YEARLY"), "2027",
			[]string{"2024-12-25", "2025-12-25", "2026-12-25"},
		},
		"a weekday of a month, until, with exceptions and additions": {
			events("UID:1|DTSTART;VALUE=DATE:20240506|RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=1MO;UNTIL=20270601|EXDATE;VALUE=DATE:20250505|RDATE;VALUE=DATE:20250510,20250512"), "",
			[]string{"2024-05-06", "2025-05-10", "2025-05-12", "2026-05-04", "2027-05-03"},
		},
		"the last day of February, three times": {
			events("UID:1|DTSTART;VALUE=DATE:20240229|RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1;COUNT=3"), "",
			[]string{"2024-02-29", "2025-02-28", "2026-02-28"},
		},
		"one repetition moved, one cancelled": {
			events("UID:1|DTSTART;VALUE=DATE:20240317|RRULE:FREQ=YEARLY;COUNT=4",
				"UID:1|RECURRENCE-ID;VALUE=DATE:20250317|DTSTART;VALUE=DATE:20250318",
				"UID:1|RECURRENCE-ID;VALUE=DATE:20260317|STATUS:CANCELLED|DTSTART;VALUE=DATE:20260317"), "",
			[]string{"2024-03-17", "2025-03-18", "2027-03-17"},
		},
		"folded lines and properties between events": {
			strings.Replace(events("UID:1|SUMMARY:A long na|\tme|DTSTART;VALUE=DA|  TE:20261225"), "DA\r\n  TE", "DA\r\n TE", 1), "",
			[]string{"2026-12-25"},
		},
		"byte order mark and line ends of Unix": {
			"\ufeff" + strings.ReplaceAll(events("UID:1|DTSTART;VALUE=DATE:20261225"), "\r", ""), "",
			[]string{"2026-12-25"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := ParseHolidays([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, days := range list {
				for d := days.First; d <= days.Last; d++ {
					if test.until == "" || d.String() < test.until {
						got = append(got, d.String())
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

func TestParseHolidays_problems(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "begins with BEGIN:VCALENDAR"},
		{"<html>", "begins with BEGIN:VCALENDAR"},
		{strings.TrimSuffix(events("UID:1|DTSTART:20261225"), "END:VCALENDAR\r\n"), "ends with END:VCALENDAR"},
		{events(), "there is no all-day event in it"},
		{events("UID:1|SUMMARY:Lunch|DTSTART:20261225T120000Z"), `event "Lunch": DTSTART: 20261225T120000Z is a time of day, and holidays are whole days`},
		{events("UID:1|DTSTART:2026-12-25"), `event "1": DTSTART: "2026-12-25" is not a date`},
		{events("UID:1|DTSTART:00011225"), `the year must be from 1900 to 2199`},
		{events("SUMMARY:x"), `event "x": it has no DTSTART`},
		{events("UID:1|DTSTART:20261225|DTEND:20261201"), "it ends on 2026-12-01, before it begins on 2026-12-25"},
		{events("UID:1|DTSTART:20261225|DURATION:PT3H"), `the DURATION "PT3H" is not a number of whole days`},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=DAILY"), "only holidays that repeat every year (FREQ=YEARLY) are supported"},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=YEARLY;BYHOUR=1"), "a holiday lasts whole days"},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=YEARLY;BYMONTH=13"), "RRULE: "},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "it never happens"},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=YEARLY;INTERVAL=99999999"), "the interval is too long"},
		{events("UID:1|DTSTART:20261225|RRULE:FREQ=YEARLY;BYYEARDAY=" + strings.Repeat("1,", 100) + "1"), "longer than"},
		{events("UID:1|DTSTART:20261225|EXDATE:x"), "EXDATE"},
		{events(slices.Repeat([]string{"UID:1|DTSTART:19000101|RRULE:FREQ=YEARLY"}, 200)...), "more than 20000 holidays"},
	} {
		if _, err := ParseHolidays([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestHolidays_close_a_calendar(t *testing.T) {
	o := office
	o.holidays = events("UID:1|DTSTART;VALUE=DATE:20200317|RRULE:FREQ=YEARLY")
	c := o.calendar(t)
	if c.Open(at(t, "2027-03-17T10:00:00Z")) || !c.Open(at(t, "2027-03-18T10:00:00Z")) {
		t.Error("St Patrick's Day is open, or the day after it is not")
	}
}

// Whatever is written, the answer is hours or a problem with a place in the text, and a
// calendar of it answers.
func FuzzParse(f *testing.F) {
	for _, seed := range [][3]string{
		{"mon-fri", "09:00-12:30 13:30-17:30", "2026-12-25"},
		{"sat, sun", "22:00-06:00", "2026-12-24 to 2027-01-01"},
		{"fri-mon", "00:00-24:00", "2026-02-30"},
		{"Mon-", "9-17, 24:00-1:00", "x to y"},
		{"m\u00f6n", "\u00a009:00 -", "to to to"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, days, ranges, closed string) {
		check := func(text string, err error) {
			problem, ok := errors.AsType[*SyntaxError](err)
			if n := len([]rune(text)); err != nil && (!ok || problem.From < 0 || problem.To < problem.From || problem.To > n || problem.Message == "") {
				t.Errorf("%q: %+v", text, err)
			}
		}
		var week Week
		on, err := ParseWeekdays(days)
		check(days, err)
		hours, err := ParseRanges(ranges)
		check(ranges, err)
		off, err := ParseDays(closed)
		check(closed, err)
		if week.Add(on, hours) != nil || err != nil {
			return
		}
		c := New(time.UTC, &week, []Days{off})
		span := c.At(now)
		if !span.To.IsZero() && !span.To.After(now) || span.From.After(now) {
			t.Errorf("%+v", span)
		}
		if end, ok := c.Add(now, time.Hour); ok && c.Between(now, end) != time.Hour {
			t.Errorf("an hour of open time ends at %s", end)
		}
	})
}

// Whatever a file holds, the answer is days in order or an error, and soon.
func FuzzParseHolidays(f *testing.F) {
	for _, ev := range []string{
		"UID:1|DTSTART;VALUE=DATE:20240506|RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=1MO;UNTIL=20270601|EXDATE:20250505",
		"UID:1|RECURRENCE-ID:20250317|DTSTART:20250318|DURATION:P1W", "DTSTART;X=\"a:b\":20250318|RDATE:20250101,20260101",
		"BEGIN:VALARM|END:VALARM|DTSTART:20250318", "DTSTART;X", "DTSTART;X=\"a\"",
	} {
		f.Add(events(ev))
	}
	f.Fuzz(func(t *testing.T, text string) {
		days, err := ParseHolidays([]byte(text))
		if (err == nil) != (len(days) > 0) {
			t.Errorf("%v, %v", days, err)
		}
		for i, d := range days {
			if d.Last < d.First || i > 0 && d.First <= days[i-1].Last+1 {
				t.Errorf("%s", fmt.Sprint(days))
			}
		}
	})
}
