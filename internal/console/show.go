package console

import (
	"bytes"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// policy lets a page load what comes from here alone, and run nothing that stands in it. What a customer wrote could not
// do a thing even if it were not escaped.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// show answers with a page.
func (c *Console) show(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := c.pages.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := page.WriteTo(w)
	return err
}

// static serves the style sheet and htmx. They are small: browsers keep them for an hour.
func static() http.Handler {
	files, err := fs.Sub(staticFiles, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	server := http.StripPrefix("/static/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		server.ServeHTTP(w, r)
	})
}

// words are the functions of the templates: how things are said.
var words = template.FuncMap{
	"since":  func(t time.Time) string { return span(time.Since(t)) },
	"until":  func(t time.Time) string { return span(time.Until(t)) },
	"clock":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"join":   func(list []string) string { return strings.Join(list, ", ") },
	"pretty": pretty,
	"plain":  plain,
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

// plain is a JSON value as people read it: without the escapes that are for a page of HTML.
func plain(raw json.RawMessage) string {
	var value any
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if json.Unmarshal(raw, &value) != nil || e.Encode(value) != nil {
		return string(raw)
	}
	if value == nil {
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
