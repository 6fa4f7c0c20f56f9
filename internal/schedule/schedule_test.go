package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestNext lists when lines are due, by the clocks of their zone. Daylight saving begins and ends
// in zones of both halves of the earth, at midnight, and by half an hour.
func TestNext(t *testing.T) {
	for _, tt := range []struct{ zone, line, from, want string }{
		{"UTC", "0 8 * * mon-fri", "2026-01-02 07:00", "02 08:00, 05 08:00, 06 08:00"},
		{"UTC", "0 8 * * mon-fri", "2026-01-02 08:00", "05 08:00, 06 08:00"},
		{"UTC", "30 6 L * *", "2026-02-01 00:00", "28 06:30, 31 06:30"},
		{"UTC", "0 8 13 * fri", "2026-02-10 00:00", "13 08:00, 20 08:00"}, // one of the two, as in every cron
		{"UTC", "0 8 * * fri-mon", "2026-01-01 00:00", "02 08:00, 03 08:00, 04 08:00, 05 08:00, 09 08:00"},
		{"UTC", "0 8 15W * fri#L", "2026-08-01 00:00", "14 08:00, 28 08:00, 15 08:00, 25 08:00"},
		{"UTC", "0 0 29 2 *", "2096-03-01 00:00", "29 00:00"}, // of 2104
		{"UTC", "0 0 29 2 *", "2026-01-01 00:00", "29 00:00, 29 00:00"},
		{"UTC", "@weekly", "2026-01-01 00:00", "04 00:00, 11 00:00"},

		// Clocks go from 01:00 to 02:00 on 29 March, and from 02:00 back to 01:00 on 25 October.
		{"Europe/Dublin", "30 1 * * *", "2026-03-28 00:00", "28 01:30+0000, 29 02:00+0100, 30 01:30+0100"},
		{"Europe/Dublin", "30 1 * * *", "2026-10-24 00:00", "24 01:30+0100, 25 01:30+0100, 26 01:30+0000"},
		{"Europe/Dublin", "0 8 * * *", "2026-03-28 00:00", "28 08:00+0000, 29 08:00+0100, 30 08:00+0100"},
		{"Europe/Dublin", "0 8 * * *", "2026-10-24 00:00", "24 08:00+0100, 25 08:00+0000, 26 08:00+0000"},
		{"Europe/Dublin", "0 1 * * *", "2026-03-28 12:00", "29 02:00+0100, 30 01:00+0100"},
		{"Europe/Dublin", "15,45 1,2 29 3 *", "2026-03-28 12:00", "29 02:00+0100, 29 02:15+0100, 29 02:45+0100"},
		{"Europe/Dublin", "*/30 * * * *", "2026-03-29 00:15", "29 00:30+0000, 29 02:00+0100, 29 02:30+0100"},
		{"Europe/Dublin", "30 * * * *", "2026-03-29 00:00", "29 00:30+0000, 29 02:30+0100"},
		{"Europe/Dublin", "*/30 * * * *", "2026-10-25 00:30", "25 01:00+0100, 25 01:30+0100, 25 01:00+0000, 25 01:30+0000, 25 02:00+0000"},

		// From 02:00 to 03:00 on 8 March, and from 02:00 back to 01:00 on 1 November.
		{"America/New_York", "30 2 * * *", "2026-03-07 12:00", "08 03:00-0400, 09 02:30-0400"},
		{"America/New_York", "30 1 * * *", "2026-10-31 12:00", "01 01:30-0400, 02 01:30-0500"},
		{"America/New_York", "@hourly", "2026-11-01 00:30", "01 01:00-0400, 01 01:00-0500, 01 02:00-0500"},

		// There is no midnight on 6 September, and clocks go back by half an hour on 5 April.
		{"America/Santiago", "30 0 * * *", "2026-09-05 00:00", "05 00:30-0400, 06 01:00-0300, 07 00:30-0300"},
		{"America/Santiago", "@daily", "2026-09-05 12:00", "06 01:00-0300, 07 00:00-0300"},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", "05 01:45+1100, 06 01:45+1030"},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00", "04 02:30+1100, 05 02:15+1100"},
		{"Pacific/Apia", "0 9 30 12 *", "2011-12-01 00:00", "31 00:00+1400"}, // a day that never was
	} {
		t.Run(tt.zone+" "+tt.line, func(t *testing.T) {
			z := zone(t, tt.zone)
			s, err := Parse(tt.line, z)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.ParseInLocation("2006-01-02 15:04", tt.from, z)
			if err != nil {
				t.Fatal(err)
			}
			format := "02 15:04-0700"
			if tt.zone == "UTC" {
				format = "02 15:04"
			}
			var got []string
			for range strings.Count(tt.want, ",") + 1 {
				at = s.Next(at)
				got = append(got, at.In(z).Format(format))
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestNext_goes_on_from_anywhere asks from every minute around the changes of a year, and in leap
// years that the library is wrong about: the answer is always the first of the times that one gets
// by going from each to the next.
func TestNext_goes_on_from_anywhere(t *testing.T) {
	for _, name := range []string{"Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"} {
		z := zone(t, name)
		for _, line := range []string{"30 1 * * *", "15,45 0-2 * * *", "*/20 * * * *", "0 */6 * * *"} {
			s, err := Parse(line, z)
			if err != nil {
				t.Fatal(err)
			}
			for _, start := range []string{"2026-03-07", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-03", "2026-10-24", "2026-10-31", "2040-12-30"} {
				from, _ := time.Parse(time.DateOnly, start)
				next := s.Next(from)
				for minute := range 2 * 24 * 60 {
					at := from.Add(time.Duration(minute) * time.Minute)
					if !at.Before(next) {
						after := s.Next(next)
						if !after.After(next) {
							t.Fatalf("%s in %s: %s comes after %s", line, name, after, next)
						}
						next = after
					}
					if got := s.Next(at); !got.Equal(next) {
						t.Fatalf("%s in %s: after %s comes %s, want %s", line, name, at, got.In(z), next.In(z))
					}
				}
			}
		}
	}
}

// Intervals do not depend on when somebody asks, and weeks begin on Mondays.
func TestEvery(t *testing.T) {
	for interval, want := range map[time.Duration]string{
		15 * time.Minute:   "2026-01-07 10:15",
		time.Hour:          "2026-01-07 11:00",
		24 * time.Hour:     "2026-01-08 00:00",
		7 * 24 * time.Hour: "2026-01-12 00:00",
	} {
		s := Every(interval, "x")
		for _, now := range []string{"2026-01-07 10:00", "2026-01-07 10:14"} {
			at, _ := time.Parse("2006-01-02 15:04", now)
			if got := s.Next(at.Add(time.Second)).Format("2006-01-02 15:04"); got != want {
				t.Errorf("every %s after %s: %s, want %s", interval, now, got, want)
			}
		}
	}
}

// What is wrong with a line is said with its place.
func TestParse_problems(t *testing.T) {
	for line, want := range map[string]string{
		"":                                      "0-1 the cron line is empty",
		"  ":                                    "0-1 the cron line is empty",
		"0 8 * *":                               "0-7 a cron line has five fields, this has 4",
		"0 0 8 * * mon":                         "0-13 a cron line has five fields, this has 6",
		"60 8 * * *":                            "0-2 60 is no minute",
		"0  25 * * *":                           "3-5 25 is no hour",
		"0 8 32 * *":                            "4-6 32 is no day of the month",
		"0 8 * 13 *":                            "6-8 13 is no month",
		"0 8 * * funday":                        "8-14 funday is no day of the week",
		"0 8 * * mon-":                          "8-12 mon- is no day of the week",
		"0,, 8 * * *":                           "0-3 0,, is no minute",
		"50-70 8 * * *":                         "0-5 50-70 is no minute",
		"H 8 * * *":                             "0-1 H is no minute",
		"*/0 8 * * *":                           "0-3 */0 is no minute",
		"0 8 31 2 *":                            "0-10 this time never comes",
		"@dialy":                                "0-6 there is no @dialy",
		"@every 5m":                             "0-9 @every is not a cron line",
		"@reboot":                               "0-7 there is no @reboot",
		"TZ=UTC 0 8 * * *":                      "0-6 a cron line does not name its time zone",
		"0 8 * * *\x00":                         "8-10 *\x00 is no day of the week",
		strings.Repeat("1,", 100) + "1 * * * *": "0-1 a cron line has at most 200 characters",
	} {
		_, err := Parse(line, time.UTC)
		problem, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%q: %v", line, err)
			continue
		}
		got := fmt.Sprintf("%d-%d %s", problem.From, problem.To, problem.Message)
		if got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{"0 8 * * mon-fri", "*/5 1-3,7 L feb-mar 5L", "@daily", "0 0 15W * mon#2", "0 8 ? * ?", "1/2 * LW * 0-7/2", "0 0 1 10-1 0", "0 22-2/2 31 2,4 *"} {
		f.Add(line)
	}
	z := zone(f, "America/Santiago")
	f.Fuzz(func(t *testing.T, line string) {
		s, err := Parse(line, z)
		if err != nil {
			return
		}
		at := time.Unix(1_770_000_000, 0)
		for range 5 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: after %s comes %s", line, at, next)
			}
			at = next
		}
	})
}
