package schedule

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	cron "github.com/netresearch/go-cron"
)

// SyntaxError is what is wrong with the characters From to To (exclusive) of a line.
type SyntaxError struct {
	From, To int
	Message  string
	Hint     string // may be empty
}

// Error is the message.
func (err *SyntaxError) Error() string { return err.Message }

// maxLine bounds a cron line, in bytes.
const maxLine = 200

// fields are those of a cron line, in order, with what they take.
var fields = [...]struct{ name, takes string }{
	{"minute", "0-59"},
	{"hour", "0-23"},
	{"day of the month", "1-31, L for the last"},
	{"month", "1-12 or jan-dec"},
	{"day of the week", "0-7 or sun-sat, where 0 and 7 are Sunday"},
}

// names are the lines that have one.
var names = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// Names are the lines that have a name, such as @daily.
func Names() []string {
	return []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
}

// Parse reads a cron line with five fields, or a name such as @daily, whose times are those of
// the zone. What is wrong comes as a *SyntaxError.
func Parse(line string, zone *time.Location) (*Schedule, error) {
	if len(line) > maxLine {
		return nil, &SyntaxError{0, 1, fmt.Sprintf("a cron line has at most %d characters", maxLine), ""}
	}
	words := split(line)
	full, err := expand(words)
	if err != nil {
		return nil, err
	}
	times, err := parseFields(full)
	if err != nil {
		return nil, err
	}
	s := &Schedule{text: strings.Join(texts(words), " "), zone: zone, times: times, hourly: full[1].text == "*"}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return nil, &SyntaxError{words[0].from, words[len(words)-1].to, "this time never comes", ""}
	}
	return s, nil
}

// word is a word of a line and its place there, in characters.
type word struct {
	text     string
	from, to int
}

func split(line string) (words []word) {
	var current *word
	for i, r := range []rune(line) {
		if unicode.IsSpace(r) {
			current = nil
			continue
		}
		if current == nil {
			words = append(words, word{from: i})
			current = &words[len(words)-1]
		}
		current.text += string(r)
		current.to = i + 1
	}
	return words
}

func texts(words []word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.text
	}
	return list
}

// expand gives the five fields that the words of a line are or stand for.
func expand(words []word) ([]word, error) {
	const five = "a line has five fields: minute, hour, day of the month, month, day of the week"
	if len(words) == 0 {
		return nil, &SyntaxError{0, 1, "the cron line is empty", five}
	}
	first, last := words[0], words[len(words)-1]
	whole := func(message, hint string) error { return &SyntaxError{first.from, last.to, message, hint} }
	switch {
	case strings.EqualFold(first.text, "@every"):
		interval := "15m"
		if len(words) == 2 {
			interval = last.text
		}
		return nil, whole("@every is not a cron line", "write every: "+interval)
	case strings.HasPrefix(first.text, "@") && len(words) == 1:
		line, ok := names[strings.ToLower(first.text)]
		if !ok {
			return nil, whole("there is no "+shorten(first.text), "there are "+strings.Join(Names(), ", "))
		}
		full := split(line)
		for i := range full {
			full[i].from, full[i].to = first.from, first.to
		}
		return full, nil
	case strings.Contains(first.text, "TZ="):
		return nil, &SyntaxError{first.from, first.to, "a cron line does not name its time zone", "write every: { cron: ..., timezone: Europe/Dublin }"}
	case len(words) == 6 || len(words) == 7:
		return nil, whole(fmt.Sprintf("a cron line has five fields, this has %d", len(words)), "leave the seconds out: the first field is the minute")
	case len(words) != len(fields):
		return nil, whole(fmt.Sprintf("a cron line has five fields, this has %d", len(words)), five)
	}
	return words, nil
}

// lines reads cron lines as every cron does, where a line that names days of the month and of the
// week is for both, and with L, W and # beside. It looks far enough ahead for 29 February.
var lines = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Extended | cron.DowOrDom).WithMaxSearchYears(10)

// parseFields reads the fields, and finds the one that is wrong: each is tried in a line that is
// right otherwise.
func parseFields(full []word) (cron.Schedule, error) {
	for i, w := range full {
		line := []string{"0", "0", "*", "*", "*"}
		line[i] = w.text
		if _, err := lines.Parse(strings.Join(line, " ")); err != nil || !plain(w.text) {
			return nil, &SyntaxError{w.from, w.to, shorten(w.text) + " is no " + fields[i].name, "a " + fields[i].name + " is " + fields[i].takes +
				"; there are lists (1,2), ranges (1-5), steps (*/2) and *"}
		}
	}
	times, err := lines.Parse(strings.Join(texts(full), " "))
	if err != nil {
		return nil, &SyntaxError{full[0].from, full[len(full)-1].to, "this is no cron line", ""}
	}
	return times, nil
}

// plain tells whether a field holds only what fields can hold, and no entry that is empty, which
// the library lets pass.
func plain(field string) bool {
	for entry := range strings.SplitSeq(field, ",") {
		if entry == "" {
			return false
		}
	}
	return !strings.ContainsFunc(field, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("*/-,#?", r)
	})
}

func shorten(s string) string {
	const most = 30
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
