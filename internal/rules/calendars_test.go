package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const supportHours = `version: 1
settings:
  calendars:
    support:
      timezone: Europe/Dublin
      open: { mon-fri: 09:00-12:30 13:30-17:30 }
      closed: [2026-12-25, 2026-12-26 to 2027-01-03]
    always: { timezone: UTC, open: { mon-sun: 00:00-24:00 } }
rules:
  - { name: in, when: conversation.user.replied, during: support, then: [close] }
  - { name: out, when: conversation.user.replied, outside: support, then: [close] }
  - { name: asked, when: conversation.user.replied, if: 'open("support") and open("always")', then: [{note: 'open: {{ open("support") }}'}] }
  - { name: never, when: conversation.user.replied, outside: always, then: [close] }
`

func clockTime(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func evaluateAt(t testing.TB, rs *Ruleset, now time.Time) *Decision {
	t.Helper()
	d, err := rs.Evaluate(t.Context(), Input{Event: mustEvent(t, conversationReplied), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCalendars_say_when_a_rule_applies(t *testing.T) {
	rs := mustParse(t, supportHours)
	for _, test := range []struct{ now, in, out, asked string }{
		{
			"2026-11-20T10:00:00Z", "ran: it has no condition",
			"did_not_match: outside: support is open since Fri 2026-11-20 09:00 GMT, closes Fri 2026-11-20 12:30 GMT",
			"ran: if: open(\"support\") and open(\"always\") is true",
		},
		{
			"2026-11-20T17:30:00Z",
			"did_not_match: during: support is closed since Fri 2026-11-20 17:30 GMT, opens Mon 2026-11-23 09:00 GMT",
			"ran: it has no condition", `did_not_match: if: open("support") is false`,
		},
		{
			"2026-12-30T12:00:00Z",
			"did_not_match: during: support is closed since Thu 2026-12-24 17:30 GMT, opens Mon 2027-01-04 09:00 GMT",
			"ran: it has no condition", `did_not_match: if: open("support") is false`,
		},
		{ // summer time
			"2026-07-01T08:00:00Z", "ran: it has no condition",
			"did_not_match: outside: support is open since Wed 2026-07-01 09:00 IST, closes Wed 2026-07-01 12:30 IST",
			"ran: if: open(\"support\") and open(\"always\") is true",
		},
	} {
		d := evaluateAt(t, rs, clockTime(t, test.now))
		for rule, want := range map[string]string{
			"in": test.in, "out": test.out, "asked": test.asked,
			"never": "did_not_match: outside: always is open, and never closes",
		} {
			o := outcome(t, d, rule)
			if got := fmt.Sprintf("%s: %s", o.Verdict, o.Reason); got != want {
				t.Errorf("%s at %s:\ngot  %s\nwant %s", rule, test.now, got, want)
			}
		}
	}
	if info := rs.Rules()[0]; info.During != "support" || info.Outside != "" {
		t.Errorf("%+v", info)
	}
}

// What a calendar remembers of the last decision must not show in the next, in whatever
// order the times come and from however many goroutines.
func TestCalendars_leave_decisions_pure(t *testing.T) {
	shared := mustParse(t, supportHours)
	start := clockTime(t, "2026-12-23T00:00:00Z")
	const steps = 200
	want := make([]string, steps)
	say := func(d *Decision) string {
		var b strings.Builder
		for _, o := range d.Rules {
			b.WriteString(string(o.Verdict) + " " + o.Reason + "\n")
		}
		return b.String()
	}
	at := func(i int) time.Time { return start.Add(time.Duration(i) * 97 * time.Minute) }
	for i := range want {
		want[i] = say(evaluateAt(t, mustParse(t, supportHours), at(i)))
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range steps {
				n := (i*37 + worker*51) % steps
				d, err := shared.Evaluate(t.Context(), Input{Event: mustEvent(t, conversationReplied), Now: at(n)})
				if err != nil || say(d) != want[n] {
					t.Errorf("at %s: %v\n%swant\n%s", at(n), err, say(d), want[n])
				}
			}
		})
	}
	wg.Wait()
}

const holidayFile = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:St Patrick\r\nDTSTART;VALUE=DATE:20200317\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func holidayRules(file string) string {
	return "version: 1\nsettings:\n  calendars:\n    support:\n      timezone: Europe/Dublin\n      open: { mon-sun: 00:00-24:00 }\n      holidays: " + file + "\n"
}

func TestCalendars_holidays_are_read_beside_the_rules_and_belong_to_the_ruleset(t *testing.T) {
	rules := strings.Replace(oneRule("a"), "when:", "during: support\n    when:", 1)
	files := map[string]string{"sub/hours.yaml": holidayRules("../days/ie.ics"), "days/ie.ics": holidayFile, "rules.yaml": rules}
	dir := writeFiles(t, files)
	paths := []string{filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "sub")}
	rs, problems := Load(paths)
	if rs == nil {
		t.Fatal(drawn(t, problems))
	}
	h := rs.rules[0].during
	if h.at(clockTime(t, "2027-03-17T12:00:00Z")).Open || !h.at(clockTime(t, "2027-03-18T12:00:00Z")).Open {
		t.Error("the holiday is not kept")
	}
	if got := HolidayFiles(paths); !slices.Equal(got, []string{filepath.Join(dir, "days", "ie.ics")}) {
		t.Errorf("holiday files: %v", got)
	}
	files["days/ie.ics"] = strings.Replace(holidayFile, "0317", "0318", 1)
	dir = writeFiles(t, files)
	changed, problems := Load([]string{filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "sub")})
	if changed == nil {
		t.Fatal(drawn(t, problems))
	}
	if changed.Hash() == rs.Hash() {
		t.Error("other holidays, and the same hash")
	}
}

func TestCalendars_holiday_files_with_mistakes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"not iCalendar":    {"<html>", "the holidays cannot be read: an iCalendar file begins with"},
		"no all-day event": {strings.Replace(holidayFile, "20200317", "20200317T120000", 1), `event "St Patrick": DTSTART: 20200317T120000 is a time of day`},
		"too large":        {strings.Repeat("x", maxFile+1), "it is larger than 1024 KiB"},
	} {
		dir := writeFiles(t, map[string]string{"rules.yaml": holidayRules("ie.ics"), "ie.ics": test.text})
		rs, problems := Load([]string{dir})
		if text := drawn(t, problems); rs != nil || !strings.Contains(text, test.want) || !strings.Contains(text, "rules.yaml:7:17: error:") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// A holiday file is watched although the rules, or the file itself, cannot be read.
func TestHolidayFiles_of_rules_with_mistakes(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"a.yaml": holidayRules("missing.ics") + "rulse: []\n", "b.yaml": "version: [", "c.yaml": holidayRules("/etc/days.ics"), "d.yaml": "", "e.yaml": "[]",
	})
	want := []string{filepath.Join(dir, "missing.ics"), "/etc/days.ics"}
	if got := HolidayFiles([]string{dir, filepath.Join(dir, "nowhere")}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCalendars_are_declared_once_and_used_across_files(t *testing.T) {
	hours := "version: 1\nsettings:\n  calendars:\n    support: { timezone: UTC, open: { mon: 09:00-17:00 } }\n"
	use := "version: 1\nrules:\n" + ruleText("a", `during: support`)
	if rs, problems := Parse([]Source{{"a.yaml", []byte(use)}, {"b.yaml", []byte(hours)}}); rs == nil {
		t.Error(drawn(t, problems))
	}
	rs, problems := Parse([]Source{{"a.yaml", []byte(hours)}, {"b.yaml", []byte(hours)}})
	if text := drawn(t, problems); rs != nil || !strings.Contains(text, `b.yaml:4:5: error: there is already a calendar "support"`) {
		t.Error(text)
	}
}

// Asking a calendar costs nanoseconds.
func BenchmarkCalendars(b *testing.B) {
	rs := mustParse(b, supportHours)
	h := rs.rules[0].during
	now := clockTime(b, "2026-11-20T17:30:00Z")
	b.Run("same_span", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.at(now)
		}
	})
	b.Run("other_span", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.at(now)
			h.at(now.Add(-time.Hour))
		}
	})
}
