package console

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// shell is what every page shows around its own.
type shell struct {
	// Who is logged in; empty when there is nothing to log in with.
	Who string
	// May tells whether they may change something.
	May bool
	// CSRF is what forms send in the hidden field csrf.
	CSRF string
}

func (c *Console) shell(r *http.Request) shell {
	who := caller(r.Context())
	s := shell{May: who.Role.rank() >= Operate.rank(), CSRF: c.formWord(r)}
	if c.o.People != nil {
		s.Who = who.Name
	}
	return s
}

// show answers with a page.
func (c *Console) show(w http.ResponseWriter, name string, data any) error {
	return c.showStatus(w, http.StatusOK, name, data)
}

func (c *Console) showStatus(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := c.pages.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := page.WriteTo(w)
	return err
}

// words are the functions of the templates: how things are said.
var words = template.FuncMap{
	"static": staticAddress,
	"since":  func(t time.Time) string { return span(time.Since(t)) },
	"until":  func(t time.Time) string { return span(time.Until(t)) },
	"clock":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"join":   func(list []string) string { return strings.Join(list, ", ") },
	"pretty": pretty,
	"value":  value,
	"place":  place,
	"says":   func(word string) string { return strings.ReplaceAll(word, "_", " ") },
	"tone":   tone,
	"states": states,
	"query":  url.QueryEscape,
	"has":    slices.Contains[[]string],
	"dict":   dict,
}

// span is a length of time as people say it: two units at the most.
func span(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	if d >= 48*time.Hour {
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	}
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return strings.Replace(text, "h0m", "h", 1)
}

// pretty is JSON on lines of its own.
func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// value is a JSON value as people read it: without the escapes that are for a page of HTML.
func value(raw json.RawMessage) string {
	var v any
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if json.Unmarshal(raw, &v) != nil || e.Encode(v) != nil {
		return string(raw)
	}
	if v == nil {
		return "absent"
	}
	return strings.TrimSpace(out.String())
}

// place is the address of the page about a subject. What a kind or an id is made of comes from outside.
func place(subject string) string {
	kind, number, ok := strings.Cut(subject, "/")
	if !ok || kind == "" || number == "" {
		return "/events?subject=" + url.QueryEscape(subject)
	}
	return "/subjects/" + url.PathEscape(kind) + "/" + url.PathEscape(number)
}

// tone is how the result of a rule or the state of an action looks; it is never the only thing that tells.
func tone(word string) string {
	switch word {
	case string(rules.Failed), string(store.StateDead), string(store.StateParked):
		return "bad"
	case string(rules.Ran), string(store.StateDone), string(rules.ClauseTrue):
		return "good"
	case string(rules.HeldBack), string(store.StateHeld), rules.WouldHaveRun:
		return "soft"
	}
	return "plain"
}

// stateCount is how many actions are in a state.
type stateCount struct {
	State store.ActionState
	Count int
}

// states are counts of actions, always in the same order.
func states(counts map[store.ActionState]int) (list []stateCount) {
	for _, state := range store.ActionStates() {
		if n := counts[state]; n > 0 {
			list = append(list, stateCount{state, n})
		}
	}
	return list
}

// dict hands several values to a template.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string)
		m[key] = pairs[i+1]
	}
	return m
}
