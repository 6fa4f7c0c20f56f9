package calendar

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCalendar_office_hours(t *testing.T) {
	c := office.calendar(t)
	for moment, want := range map[string]bool{
		"2026-11-20T08:59:59Z": false, // a Friday
		"2026-11-20T09:00:00Z": true,
		"2026-11-20T12:29:59Z": true,
		"2026-11-20T12:30:00Z": false, // lunch
		"2026-11-20T13:30:00Z": true,
		"2026-11-20T17:30:00Z": false,
		"2026-11-21T10:00:00Z": false, // Saturday
		"2026-12-25T10:00:00Z": false, // closed
		"2026-12-28T10:00:00Z": true,
		"2026-07-01T08:00:00Z": true, // 09:00 in summer
	} {
		if got := c.Open(at(t, moment)); got != want {
			t.Errorf("open at %s: %v", moment, got)
		}
	}
	for _, step := range []struct{ from, to string }{
		{"2026-11-20T12:00:00Z", "2026-11-20T12:30:00Z"},
		{"2026-11-20T17:30:00Z", "2026-11-23T09:00:00Z"},
		{"2026-12-24T17:30:00Z", "2026-12-28T09:00:00Z"}, // over Christmas
	} {
		if got, _, ok := c.Next(at(t, step.from)); !ok || !got.Equal(at(t, step.to)) {
			t.Errorf("next after %s: %s", step.from, got)
		}
	}
	got, ok := c.Add(at(t, "2026-12-24T17:20:00Z"), 15*time.Minute)
	if want := at(t, "2026-12-28T09:05:00Z"); !ok || !got.Equal(want) {
		t.Errorf("15 minutes over Christmas: %s", got)
	}
}

// The clocks go forward at 01:00 UTC on 29 March and back at 01:00 UTC on 25 October in
// Dublin, at 07:00 UTC on 8 March and 06:00 UTC on 1 November in New York, and by half an hour
// only at 15:30 UTC on 3 October and 15:00 UTC on 4 April on Lord Howe Island.
func TestCalendar_daylight_saving(t *testing.T) {
	for _, test := range []struct {
		name, zone, hours string
		from, to          string
		open              time.Duration
		second            string // a moment that is open
	}{
		{"skipped hour shrinks a range", "Europe/Dublin", "00:30-03:00", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", 90 * time.Minute, "2026-03-29T01:30:00Z"},
		{"a range inside the skipped hour is gone", "Europe/Dublin", "01:15-01:45", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", 0, ""},
		{"repeated hour counts twice", "Europe/Dublin", "00:30-03:00", "2026-10-24T23:00:00Z", "2026-10-25T12:00:00Z", 210 * time.Minute, "2026-10-25T01:30:00Z"},
		{"a range inside the repeated hour is there twice", "Europe/Dublin", "01:15-01:45", "2026-10-24T23:00:00Z", "2026-10-25T12:00:00Z", time.Hour, "2026-10-25T01:20:00Z"},
		{"skipped hour in New York", "America/New_York", "01:00-04:00", "2026-03-08T05:00:00Z", "2026-03-08T17:00:00Z", 2 * time.Hour, "2026-03-08T07:30:00Z"},
		{"repeated hour in New York", "America/New_York", "01:00-04:00", "2026-11-01T04:00:00Z", "2026-11-01T17:00:00Z", 4 * time.Hour, "2026-11-01T06:30:00Z"},
		{"a night over the change in New York", "America/New_York", "22:00-06:00", "2026-10-31T16:00:00Z", "2026-11-01T17:00:00Z", 9 * time.Hour, "2026-11-01T10:59:00Z"},
		{"skipped half hour", "Australia/Lord_Howe", "01:00-04:00", "2026-10-03T13:30:00Z", "2026-10-04T02:00:00Z", 150 * time.Minute, "2026-10-03T15:30:00Z"},
		{"repeated half hour", "Australia/Lord_Howe", "01:00-04:00", "2026-04-04T13:00:00Z", "2026-04-05T02:00:00Z", 210 * time.Minute, "2026-04-04T15:10:00Z"},
		{"nothing changes for the working day", "Europe/Dublin", "09:00-17:00", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z", 8 * time.Hour, "2026-03-29T08:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := opening{zone: test.zone, open: [][2]string{{"mon-sun", test.hours}}}.calendar(t)
			if got := c.Between(at(t, test.from), at(t, test.to)); got != test.open {
				t.Errorf("open for %s, want %s", got, test.open)
			}
			if test.second != "" && !c.Open(at(t, test.second)) {
				t.Errorf("closed at %s", test.second)
			}
			got, ok := c.Add(at(t, test.from), test.open)
			if !ok || got.After(at(t, test.to)) {
				t.Errorf("%s of open time end at %s", test.open, got)
			}
		})
	}
}

func TestCalendar_nights_belong_to_the_day_they_begin_on(t *testing.T) {
	c := opening{
		zone: "Europe/Dublin", open: [][2]string{{"mon, wed", "22:00-06:00"}, {"fri", "18:00-24:00"}},
		closed: []string{"2026-11-25", "2026-12-01"},
	}.calendar(t)
	for moment, want := range map[string]bool{
		"2026-11-23T05:00:00Z": false, // Monday morning: Sunday has no night
		"2026-11-24T05:59:00Z": true,  // Monday's night
		"2026-11-25T23:00:00Z": false, // Wednesday is closed
		"2026-11-26T05:00:00Z": false, // and so is the rest of its night
		"2026-12-01T05:00:00Z": true,  // Monday's night ends on a closed day
		"2026-11-27T23:59:59Z": true,
		"2026-11-28T00:00:00Z": false,
	} {
		if got := c.Open(at(t, moment)); got != want {
			t.Errorf("open at %s: %v", moment, got)
		}
	}
}

func TestCalendar_midnight_between_two_ranges_is_no_change(t *testing.T) {
	c := opening{zone: "UTC", open: [][2]string{{"mon", "20:00-24:00"}, {"tue", "00:00-04:00"}}}.calendar(t)
	span := c.At(at(t, "2026-11-24T00:00:00Z"))
	if !span.From.Equal(at(t, "2026-11-23T20:00:00Z")) || !span.To.Equal(at(t, "2026-11-24T04:00:00Z")) {
		t.Errorf("%+v", span)
	}
}

// Whatever a calendar holds, every question has an answer after a bounded number of steps.
func TestCalendar_that_never_opens_ends(t *testing.T) {
	now := at(t, "2026-11-24T12:00:00Z")
	const long = 1000000 * time.Hour
	for name, o := range map[string]opening{
		"no hours":         {zone: "Europe/Dublin"},
		"closed for years": {zone: "Europe/Dublin", open: [][2]string{{"mon-sun", "00:00-24:00"}}, closed: []string{"2026-11-01 to 2199-12-31"}},
	} {
		c := o.calendar(t)
		if got, ok := c.Add(now, time.Second); ok {
			t.Errorf("%s: a second of open time has passed at %s", name, got)
		}
		if c.Between(now, now.AddDate(50, 0, 0)) != 0 {
			t.Errorf("%s: it was open", name)
		}
	}
	never := opening{zone: "Europe/Dublin"}.calendar(t)
	if got, _, ok := never.Next(now); ok {
		t.Errorf("without hours it opens at %s", got)
	}
	always := opening{zone: "Europe/Dublin", open: [][2]string{{"mon-sun", "00:00-24:00"}}}.calendar(t)
	if span := always.At(now); !span.Open || !span.From.IsZero() || !span.To.IsZero() {
		t.Errorf("always open: %+v", span)
	}
	if got, ok := always.Add(now, 1000*time.Hour); !ok || !got.Equal(now.Add(1000*time.Hour)) {
		t.Errorf("always open: %s", got)
	}
	if got, ok := always.Add(now, long); ok {
		t.Errorf("%s of open time have passed at %s", long, got)
	}
	again := opening{zone: "Europe/Dublin", open: [][2]string{{"mon-sun", "00:00-24:00"}}, closed: []string{"2026-11-01 to 2050-12-31"}}.calendar(t)
	if got, opens, ok := again.Next(now); !ok || !opens || !got.Equal(at(t, "2051-01-01T00:00:00Z")) {
		t.Errorf("it opens at %s", got)
	}
	if span := again.At(at(t, "2040-06-01T00:00:00Z")); !span.From.Equal(at(t, "2026-11-01T00:00:00Z")) {
		t.Errorf("it is closed since %s", span.From)
	}
	rare := opening{zone: "Europe/Dublin", open: [][2]string{{"sun", "01:15-01:45"}}}.calendar(t)
	if got, _, ok := rare.Next(at(t, "2026-03-22T02:00:00Z")); !ok || !got.Equal(at(t, "2026-04-05T00:15:00Z")) {
		t.Errorf("after the Sunday without the hour it opens at %s", got)
	}
}

// On 31 December of leap years far ahead, time.Time.ZoneBounds leaves out the time that it was
// asked about.
func TestCalendar_end_of_a_leap_year(t *testing.T) {
	for _, zone := range []string{"Europe/Dublin", "America/New_York", "Australia/Lord_Howe"} {
		c := opening{zone: zone, open: [][2]string{{"mon-sun", "09:00-17:00"}}}.calendar(t)
		if got := c.Between(at(t, "2040-12-25T00:00:00Z"), at(t, "2041-01-04T00:00:00Z")); got != 80*time.Hour {
			t.Errorf("%s: open for %s in ten days", zone, got)
		}
	}
}

func TestCalendar_Between_backwards_is_negative(t *testing.T) {
	c := office.calendar(t)
	a, b := at(t, "2026-11-20T10:00:00Z"), at(t, "2026-11-23T10:00:00Z")
	if got, back := c.Between(a, b), c.Between(b, a); got != 7*time.Hour+30*time.Minute || back != -got {
		t.Errorf("%s, %s", got, back)
	}
}

func TestWeek_Add_refuses_overlaps(t *testing.T) {
	for name, test := range map[string]struct {
		week [][2]string
		want string
	}{
		"in one text":        {[][2]string{{"mon", "09:00-12:00 11:00-13:00"}}, "11:00-13:00 on mon overlaps 09:00-12:00 on mon"},
		"a day named twice":  {[][2]string{{"mon-fri", "09:00-17:00"}, {"fri", "16:00-18:00"}}, "16:00-18:00 on fri overlaps 09:00-17:00 on fri"},
		"into the next day":  {[][2]string{{"tue", "05:00-08:00"}, {"mon", "22:00-06:00"}}, "22:00-06:00 on mon overlaps 05:00-08:00 on tue"},
		"round the week":     {[][2]string{{"sat", "22:00-06:00"}, {"sun", "00:00-02:00"}}, "00:00-02:00 on sun overlaps 22:00-06:00 on sat"},
		"touching is fine":   {[][2]string{{"mon", "09:00-12:00 12:00-13:00"}, {"sun", "22:00-09:00"}}, ""},
		"all days of nights": {[][2]string{{"mon-sun", "22:00-06:00"}}, ""},
	} {
		var week Week
		got := ""
		for _, pair := range test.week {
			days, _ := ParseWeekdays(pair[0])
			ranges, _ := ParseRanges(pair[1])
			if err := week.Add(days, ranges); err != nil {
				got = err.Error()
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// Every mistake is shown at its characters.
func TestSyntax_problems(t *testing.T) {
	ranges := func(s string) (any, error) { return ParseRanges(s) }
	weekdays := func(s string) (any, error) { return ParseWeekdays(s) }
	dates := func(s string) (any, error) { return ParseDays(s) }
	for _, test := range []struct {
		parse      func(string) (any, error)
		text, want string
	}{
		{ranges, "09:00-12:30 13:30", `12-17 "13:30" is not a range of times`},
		{ranges, "9-17", `0-4 "9" is not a time of day`},
		{ranges, "09:00-25:00", `0-11 "25:00" is not a time of day`},
		{ranges, "09:00-24:01", `0-11 "24:01" is not a time of day`},
		{ranges, "09:60-10:00", `0-11 "09:60" is not a time of day`},
		{ranges, "24:00-06:00", `0-11 a range cannot begin at 24:00`},
		{ranges, "09:00-09:00", `0-11 the range 09:00-09:00 is empty`},
		{ranges, "  ", `0-2 there is no time in it`},
		{ranges, "9am-5pm", `0-7 "9am" is not a time of day`},
		{weekdays, "mon-fry", `0-7 "fry" is not a day of the week`},
		{weekdays, "mon, mon", `5-8 mon is there twice`},
		{weekdays, "mon-wed tue", `8-11 tue is there twice`},
		{weekdays, "", `0-0 there is no day in it`},
		{weekdays, "mon-", `0-4 "" is not a day of the week`},
		{dates, "2026-02-30", `0-10 there is no day "2026-02-30"`},
		{dates, "25.12.2026", `0-10 "25.12.2026" is not a date`},
		{dates, "2026-12-24 to 2026-12-01", `14-24 2026-12-01 is before 2026-12-24`},
		{dates, "2026-12-24 - 2026-12-26", `0-23 this must be a date or a range of dates`},
		{dates, "0026-12-24", `0-10 the year must be from 1900 to 2199`},
	} {
		_, err := test.parse(test.text)
		problem, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if got := fmt.Sprintf("%d-%d %s", problem.From, problem.To, problem.Message); got != test.want {
			t.Errorf("%q: got  %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestParseWeekdays_may_go_round_the_week(t *testing.T) {
	got, err := ParseWeekdays("Sun-thu, SATURDAY")
	if want := "[Sunday Monday Tuesday Wednesday Thursday Saturday]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLoadZone(t *testing.T) {
	for _, name := range Zones() {
		if _, err := LoadZone(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "Local", "Europe/Dublim", "../etc/passwd"} {
		if _, err := LoadZone(name); err == nil || !strings.Contains(err.Error(), "there is no time zone") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func BenchmarkCalendar(b *testing.B) {
	o := office
	for year := range 20 {
		o.closed = append(o.closed, fmt.Sprintf("%d-12-26", 2020+year))
	}
	c := o.calendar(b)
	now := at(b, "2026-11-20T10:00:00Z")
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Open(now)
		}
	})
	b.Run("At", func(b *testing.B) {
		for b.Loop() {
			c.At(now)
		}
	})
	b.Run("Add_15m", func(b *testing.B) {
		for b.Loop() {
			c.Add(now, 15*time.Minute)
		}
	})
	b.Run("Add_40h", func(b *testing.B) {
		for b.Loop() {
			c.Add(now, 40*time.Hour)
		}
	})
}
