package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI8_holidays_are_reloaded changes only the holiday file. The world begins on 1 January
// 2000.
func TestI8_holidays_are_reloaded(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
settings:
  calendars:
    office: { timezone: UTC, open: { mon-sun: 00:00-24:00 }, holidays: days.ics }
rules:
  - name: tag
    when: conversation.user.created
    during: office
    then:
      - tag: Open
`
	holiday := func(w *world, day string) {
		text := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:" + day + "\nEND:VEVENT\nEND:VCALENDAR\n"
		if err := os.WriteFile(filepath.Join(filepath.Dir(w.rules), "days.ics"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inBubbleWith(t, rules, simulator.Options{}, func(w *world) { holiday(w, "20000601") }, func(w *world) {
		open := func() bool {
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			w.settle(time.Minute)
			c, _ := w.sim.Conversation(id)
			return len(c.Tags) == 1
		}
		if !open() {
			t.Error("closed on a day that is no holiday")
		}
		holiday(w, "20000101")
		time.Sleep(3 * time.Second)
		if open() {
			t.Error("open, although the file says that today is a holiday")
		}
		holiday(w, "Friday")
		time.Sleep(3 * time.Second)
		if open() {
			t.Error("a broken holiday file replaced a good one")
		}
		if log := w.log.String(); !strings.Contains(log, "rules.yaml:5:72: error") || !strings.Contains(log, "holidays cannot be read") {
			t.Errorf("the log does not point at the problem: %s", log)
		}
		holiday(w, "20000602")
		time.Sleep(3 * time.Second)
		if !open() {
			t.Error("closed after the file was mended")
		}
	})
}
