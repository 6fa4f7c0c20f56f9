package rules

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/expr-lang/expr/ast"
	"gopkg.in/yaml.v3"

	"switchboard/internal/calendar"
	"switchboard/internal/diag"
)

// hours are a calendar of the rules (settings.calendars).
type hours struct {
	name     string
	calendar *calendar.Calendar
	// version identifies what the calendar says: timers that run in its hours move when it does.
	version string
	now     atomic.Pointer[nowOpen]
}

// nowOpen is what there is to say about a calendar while nothing changes. Events come in
// faster than calendars change, so most of them find it made.
type nowOpen struct {
	calendar.Span
	during, outside string // why a rule with that key does not apply
}

// at returns what holds at t.
func (h *hours) at(t time.Time) *nowOpen {
	now := h.now.Load()
	if now != nil && !t.Before(now.From) && (now.To.IsZero() || t.Before(now.To)) {
		return now
	}
	now = &nowOpen{Span: h.calendar.At(t)}
	if now.Open {
		now.outside = "outside: " + h.name + " is open" + since(now.From) + until("closes", now.To)
	} else {
		now.during = "during: " + h.name + " is closed" + since(now.From) + until("opens", now.To)
	}
	h.now.Store(now)
	return now
}

const calendarTime = "Mon 2006-01-02 15:04 MST"

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.Format(calendarTime)
}

func until(what string, t time.Time) string {
	if t.IsZero() {
		return ", and never " + what
	}
	return ", " + what + " " + t.Format(calendarTime)
}

// closedFor says why the rule does not apply at this time; empty when it does.
func (r *rule) closedFor(now time.Time) string {
	if r.during != nil {
		if reason := r.during.at(now).during; reason != "" {
			return reason
		}
	}
	if r.outside != nil {
		return r.outside.at(now).outside
	}
	return ""
}

var calendarName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]*$`)

func (p *loader) readCalendars(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a mapping of names to calendars")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || !calendarName.MatchString(key.Value) {
			p.Problem(key, "rules/wrong-value", "such as support", "the name of a calendar has letters, digits, _ and - only")
			continue
		}
		if p.calendars[key.Value] != nil {
			p.Problem(key, "rules/repeated-key", "", "there is already a calendar %q", key.Value)
			continue
		}
		h := &hours{name: key.Value}
		h.calendar, h.version = p.readCalendar(key, value)
		p.calendars[key.Value] = h
	}
}

// readCalendar reads one calendar. Problems are reported; what it returns then is not used
// for anything but to go on. The version changes when what the calendar means does.
func (p *loader) readCalendar(name, n *yaml.Node) (c *calendar.Calendar, version string) {
	zone := time.UTC
	var week calendar.Week
	var closed []calendar.Days
	has := map[string]bool{}
	p.Fields(n, map[string]func(*yaml.Node){
		"timezone": func(n *yaml.Node) { has["timezone"] = true; zone = p.readZone(n, zone) },
		"open":     func(n *yaml.Node) { has["open"] = true; p.readWeek(n, &week) },
		"closed":   func(n *yaml.Node) { closed = append(closed, p.readClosed(n)...) },
		"holidays": func(n *yaml.Node) { closed = append(closed, p.readHolidays(n)...) },
	})
	for _, key := range []string{"timezone", "open"} {
		if n.Kind == yaml.MappingNode && !has[key] {
			p.Problem(name, "rules/missing-key", "", "the calendar has no %q", key)
		}
	}
	meaning := fmt.Sprint(zone, week, closed)
	return calendar.New(zone, &week, closed), hashOf([]Source{{Text: []byte(meaning)}})[:8]
}

func (p *loader) readZone(n *yaml.Node, otherwise *time.Location) *time.Location {
	name, ok := p.word(n, "a time zone, such as Europe/Dublin")
	if !ok {
		return otherwise
	}
	zone, err := calendar.LoadZone(name)
	if err != nil {
		hint := diag.DidYouMean(name, calendar.Zones())
		if hint == "" {
			hint = "time zones have names such as Europe/Dublin"
		}
		p.Problem(n, "rules/time-zone", hint, "there is no time zone %q", shorten(name))
		return otherwise
	}
	return zone
}

// readWeek reads `open`: days and the ranges of times on them.
func (p *loader) readWeek(n *yaml.Node, week *calendar.Week) {
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a mapping of days to times, such as mon-fri: 09:00-17:00")
		return
	}
	if len(n.Content) == 0 {
		p.Problem(n, "rules/wrong-type", "such as mon-fri: 09:00-17:00", "there are no hours")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.Problem(key, "rules/syntax", "", "a key must be a word")
			continue
		}
		days, err := calendar.ParseWeekdays(key.Value)
		p.calendarProblem(key, err)
		for _, item := range p.scalars(value, "times, such as 09:00-12:30 13:30-17:30") {
			ranges, err := calendar.ParseRanges(item.Value)
			p.calendarProblem(item, err)
			if err := week.Add(days, ranges); err != nil {
				p.Problem(item, "rules/calendar", "", "%v", err)
			}
		}
	}
}

func (p *loader) readClosed(n *yaml.Node) []calendar.Days {
	var list []calendar.Days
	for _, item := range p.scalars(n, "a date or a list of dates") {
		days, err := calendar.ParseDays(item.Value)
		p.calendarProblem(item, err)
		if err == nil {
			list = append(list, days)
		}
	}
	return list
}

// calendarProblem reports what is wrong inside a text, if anything.
func (p *loader) calendarProblem(n *yaml.Node, err error) {
	problem, ok := errors.AsType[*calendar.SyntaxError](err)
	if !ok || p.refused[n] {
		return
	}
	at := p.file.locator(n)(problem.From, problem.To)
	p.reportAt(at, diag.Error, "rules/calendar", problem.Hint, "%s", oneLine(problem.Message))
}

// maxMessage bounds what a message repeats of a foreign text, in characters.
const maxMessage = 200

func oneLine(s string) string {
	runes := []rune(strings.Join(strings.Fields(strings.Map(printable, s)), " "))
	if len(runes) > maxMessage {
		runes = append(runes[:maxMessage-1], '…')
	}
	return string(runes)
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// readHolidays reads an iCalendar file beside the rules file.
func (p *loader) readHolidays(n *yaml.Node) []calendar.Days {
	name, ok := p.word(n, "the name of an iCalendar file (.ics)")
	if !ok {
		return nil
	}
	text, err := p.holidayFile(besides(p.file.name, name))
	if err != nil {
		p.Problem(n, "rules/holidays", "its place is relative to the rules file", "the holidays cannot be read: %s", plainError(err))
		return nil
	}
	p.holidays = append(p.holidays, Source{Name: name, Text: text})
	days, err := calendar.ParseHolidays(text)
	if err != nil {
		p.Problem(n, "rules/holidays", "", "the holidays cannot be read: %s", oneLine(err.Error()))
	}
	return days
}

func readHolidayFile(path string) ([]byte, error) {
	text, err := readFile(path)
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	return text, err
}

// besides is a file that a rules file names.
func besides(rulesFile, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(rulesFile), name)
}

// readCalendarName reads `during` or `outside`.
func (p *loader) readCalendarName(n *yaml.Node) *hours {
	name, ok := p.word(n, "the name of a calendar")
	if !ok {
		return nil
	}
	h := p.calendars[name]
	if h == nil {
		p.Problem(n, "rules/unknown-calendar", p.calendarHint(name), "there is no calendar %q", shorten(name))
	}
	return h
}

func (p *loader) calendarHint(name string) string {
	if len(p.calendars) == 0 {
		return "calendars are declared in settings.calendars"
	}
	return diag.DidYouMean(name, sortedNames(p.calendars))
}

// compileOpen compiles open("NAME"). The name is written out, so that it can be checked now.
func compileOpen(c *compiler, n *ast.CallNode) test {
	never := func(*evaluation) bool { return false }
	if len(n.Arguments) != 1 {
		return never // reported by the type check
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		c.x.problem(n.Arguments[0], "rules/unknown-calendar", `such as open("support")`, "the name of a calendar must be written out")
		return never
	}
	h := c.x.p.calendars[name.Value]
	if h == nil {
		c.x.problem(name, "rules/unknown-calendar", c.x.p.calendarHint(name.Value), "there is no calendar %q", shorten(name.Value))
		return never
	}
	return func(e *evaluation) bool { return h.at(e.in.Now).Open }
}

// HolidayFiles are the iCalendar files that rules files name, whether they can be read or
// not: when one of them changes, so do the rules. Paths are those of Load.
func HolidayFiles(paths []string) []string {
	var list []string
	for _, path := range paths {
		names, err := filesIn(path)
		if err != nil {
			continue // Load says so
		}
		for _, name := range names {
			text, err := readFile(name)
			if err != nil {
				continue
			}
			list = append(list, holidaysIn(name, text)...)
		}
	}
	return list
}

// holidaysIn are the files that one rules file names, as far as it can be understood.
func holidaysIn(name string, text []byte) []string {
	doc, err := parseYAML(string(bytes.TrimPrefix(text, []byte("\ufeff"))))
	if err != nil {
		return nil
	}
	var list []string
	calendars := valueBehind(valueBehind(doc.Content[0], "settings"), "calendars")
	for i := 1; calendars != nil && calendars.Kind == yaml.MappingNode && i < len(calendars.Content); i += 2 {
		if holidays := valueBehind(calendars.Content[i], "holidays"); holidays != nil && holidays.Value != "" {
			list = append(list, besides(name, holidays.Value))
		}
	}
	return list
}

// valueBehind is what stands behind a key; nil when there is no such key.
func valueBehind(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
