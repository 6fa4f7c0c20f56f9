package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// story tells what happens in the demo. It listens to the service's own log, so it can tell
// nothing that the service did not do, and takes the words and names from the simulator: the
// log has none (I10).
type story struct {
	sim *simulator.Simulator

	mu      sync.Mutex
	out     io.Writer
	began   time.Time
	numbers map[string]int // conversations in the order of their appearance
	events  int
	ran     map[string]int // rules
	did     map[string]int // kinds of action
	shadow  map[string]int // rules in shadow, and how often they would have run
	trouble int
}

func newStory(out io.Writer) *story {
	return &story{out: out, began: time.Now(), numbers: map[string]int{}, ran: map[string]int{}, did: map[string]int{}, shadow: map[string]int{}}
}

func (s *story) printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(s.out, format, args...)
}

// logger makes the service's log come here.
func (s *story) logger() *slog.Logger { return slog.New(&storyHandler{story: s}) }

// storyHandler is a slog.Handler that turns the service's records into lines of the story.
type storyHandler struct {
	story *story
	attrs []slog.Attr
}

// Enabled wants everything: events that no rule wanted are part of the story.
func (h *storyHandler) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs keeps the attributes.
func (h *storyHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &storyHandler{h.story, append(slices.Clone(h.attrs), attrs...)}
}

// WithGroup changes nothing: the story looks at keys that are in no group.
func (h *storyHandler) WithGroup(string) slog.Handler { return h }

// Handle tells of a record.
func (h *storyHandler) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]slog.Value{}
	for _, a := range h.attrs {
		fields[a.Key] = a.Value
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value
		return true
	})
	h.story.tell(r, fields)
	return nil
}

func (s *story) tell(r slog.Record, f map[string]slog.Value) {
	subject, text := f["subject"].String(), ""
	if r.Message == "event evaluated" {
		text = s.whatHappened(f["topic"].String(), subject, f["part"].String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Message == "event evaluated":
		s.events++
		names, _ := f["ran"].Any().([]string)
		for _, name := range names {
			s.ran[name]++
		}
		if text != "" || len(names) > 0 {
			s.line(r.Time, subject, "%s", text)
		}
		if len(names) > 0 {
			s.line(r.Time, "", "  → %s", strings.Join(names, ", "))
		}
		if timers, _ := f["timers"].Any().([]string); text != "" && len(timers) > 0 {
			s.line(r.Time, "", "  … timer: %s", strings.Join(timers, ", "))
		}
	case r.Message == "action done":
		kind := f["kind"].String()
		s.did[kind]++
		what := f["what"].String()
		if kind == "assign" {
			what = f["detail"].String() // who it is, and why
		}
		s.line(r.Time, subject, "    ✓ %s  (%s)", what, f["rule"].String())
	case r.Message == "shadow rule would have run":
		s.shadow[f["rule"].String()]++
		would, _ := f["would"].Any().([]string)
		s.line(r.Time, subject, "  ~ %s is in shadow; it would: %s", f["rule"].String(), strings.Join(would, ", "))
	case strings.HasPrefix(r.Message, "rules reloaded"), strings.HasPrefix(r.Message, "rules unchanged"):
		s.line(r.Time, "", "* %s", r.Message)
	case r.Level >= slog.LevelWarn:
		s.trouble++
		s.line(r.Time, subject, "! %s%s", r.Message, detail(f))
	}
}

// detail is what a warning says beside its message.
func detail(f map[string]slog.Value) string {
	var b strings.Builder
	for _, key := range []string{"rule", "file", "line", "hint", "err"} {
		if v, ok := f[key]; ok && v.String() != "" {
			b.WriteString(" " + key + "=" + v.String())
		}
	}
	if v, ok := f["problems"]; ok {
		b.WriteString("\n" + strings.TrimRight(v.String(), "\n"))
	}
	return b.String()
}

// line prints one line under the lock.
func (s *story) line(at time.Time, subject, format string, args ...any) {
	number := ""
	if id, ok := strings.CutPrefix(subject, "conversation/"); ok {
		if s.numbers[id] == 0 {
			s.numbers[id] = len(s.numbers) + 1
		}
		number = fmt.Sprintf("#%d", s.numbers[id])
	}
	_, _ = fmt.Fprintf(s.out, "%6.1f  %-5s %s\n", at.Sub(s.began).Seconds(), number, fmt.Sprintf(format, args...))
}

// whatHappened says in words what a person did; it is empty for what our own calls did.
func (s *story) whatHappened(topic, subject, part string) string {
	c, ok := s.sim.Conversation(strings.TrimPrefix(subject, "conversation/"))
	if !ok {
		return ""
	}
	if topic == "conversation.user.created" {
		return fmt.Sprintf("%s writes: %s", s.who(c.Source.Author), quote(c.Source.Body))
	}
	i := slices.IndexFunc(c.Parts, func(p simulator.Part) bool { return p.ID == part })
	if i < 0 || c.Parts[i].AppPackageCode != "" {
		return ""
	}
	p := c.Parts[i]
	who := s.who(p.Author)
	switch topic {
	case "conversation.user.replied":
		return fmt.Sprintf("%s writes: %s", who, quote(p.Body))
	case "conversation.admin.replied":
		return fmt.Sprintf("%s answers: %s", who, quote(p.Body))
	case "conversation.admin.noted":
		return fmt.Sprintf("%s notes: %s", who, quote(p.Body))
	case "conversation.admin.closed":
		return who + " closes the conversation"
	case "conversation.admin.snoozed":
		return who + " snoozes the conversation"
	case "conversation.admin.opened":
		return who + " opens the conversation"
	}
	return ""
}

// who names a person, and for customers where they write from and on which plan they are.
func (s *story) who(a simulator.Author) string {
	contact, ok := s.sim.Contact(a.ID)
	if !ok {
		return a.Name
	}
	_, domain, _ := strings.Cut(contact.Email, "@")
	plan, _ := contact.CustomAttributes["plan"].(string)
	if plan == "" {
		return fmt.Sprintf("%s (%s)", contact.Name, domain)
	}
	return fmt.Sprintf("%s (%s, %s)", contact.Name, domain, plan)
}

// quote shows the beginning of a message without its markup.
func quote(html string) string {
	text := strings.Join(strings.Fields(tags.Replace(html)), " ")
	if runes := []rune(text); len(runes) > 72 {
		text = strings.TrimSpace(string(runes[:70])) + "…"
	}
	return "“" + text + "”"
}

// tags takes out the markup that the simulator puts around texts.
var tags = strings.NewReplacer("<p>", "", "</p>", " ", "<br>", " ", "&#39;", "'", "&#34;", `"`, "&quot;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">")

// summary sums up a demo that has ended, from what the simulator saw.
func (s *story) summary(sim *simulator.Simulator, st store.Stats, lasted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used, refused, windows := 0, 0, sim.Windows()
	for _, w := range windows {
		used, refused = used+w.Used, refused+w.Rejected
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nAfter %s\n", lasted.Round(time.Second))
	fmt.Fprintf(&b, "  events     %d webhooks taken and evaluated, %d waiting\n", s.events, st.EventsWaiting)
	fmt.Fprintf(&b, "  rules ran  %s\n", counts(s.ran))
	fmt.Fprintf(&b, "  in shadow  %s would have run\n", counts(s.shadow))
	fmt.Fprintf(&b, "  actions    %s; %d not sent yet\n", counts(s.did), st.ActionsWaiting)
	fmt.Fprintf(&b, "  problems   %d dead letters, %d parked, %d warnings\n", st.Dead, st.Parked, s.trouble)
	limit := 0
	if len(windows) > 0 {
		limit = windows[len(windows)-1].Limit
	}
	fmt.Fprintf(&b, "  budget     %d API calls in %s of %d, %d times 429\n", used, plural(len(windows), "window"), limit, refused)
	_, _ = io.WriteString(s.out, b.String())
}

// counts lists what was counted, the most frequent first.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s %d", k, m[k])
	}
	return strings.Join(keys, ", ")
}
