package rules

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// flow evaluates the same event again and again at different times, with a state that grows
// as the store's does.
type flow struct {
	t     *testing.T
	rs    *Ruleset
	state memory
	parts int
}

func newFlow(t *testing.T, keys string) *flow {
	t.Helper()
	return &flow{t: t, rs: mustParse(t, header+ruleText("r", keys)), state: memory{}}
}

// reload changes the rule and nothing else.
func (f *flow) reload(keys string) { f.rs = mustParse(f.t, header+ruleText("r", keys)) }

// at is what becomes of the rule when a customer writes at a time after the beginning.
func (f *flow) at(after time.Duration, edit func(item object)) Outcome {
	f.t.Helper()
	f.parts++
	in := input(f.t, conversationReplied)
	in.Event = edited(f.t, conversationReplied, func(_, item object) {
		item["conversation_parts"].(object)["conversation_parts"].([]any)[0].(object)["id"] = strconv.Itoa(9000 + f.parts)
		edit(item)
	})
	in.Now, in.State = in.Now.Add(after), f.state
	d := evaluate(f.t, f.rs, in)
	f.state.remember(f.t, d)
	return outcome(f.t, d, "r")
}

func same(object) {}

func otherConversation(item object) { item["id"] = "999" }

func otherContact(item object) {
	item["id"] = "998"
	item["contacts"].(object)["contacts"].([]any)[0].(object)["id"] = "c9"
	item["source"].(object)["author"].(object)["id"] = "c9"
}

func TestEvaluate_cooldown(t *testing.T) {
	const held = "held_back by cooldown: it ran for this conversation at 2026-01-10T08:10:00Z and cools down until 2026-01-10T09:10:00Z"
	type step struct {
		after time.Duration
		edit  func(object)
		want  string
	}
	for keys, steps := range map[string][]step{
		"cooldown: 1h": {
			{0, same, "ran"},
			{time.Second, same, held},
			{time.Second, otherConversation, "ran"},
			{time.Hour - time.Nanosecond, same, held},
			{time.Hour, same, "ran"},
			{2*time.Hour - time.Second, same, "held_back by cooldown: it ran for this conversation at 2026-01-10T09:10:00Z and cools down until 2026-01-10T10:10:00Z"},
		},
		"cooldown: { for: 1h, per: conversation }": {{0, same, "ran"}, {time.Minute, same, held}, {time.Minute, otherContact, "ran"}},
		"cooldown: { for: 1d12h, per: contact }": {
			{0, same, "ran"},
			{35 * time.Hour, otherConversation, "held_back by cooldown: it ran for this contact at 2026-01-10T08:10:00Z and cools down until 2026-01-11T20:10:00Z"},
			{35 * time.Hour, otherContact, "ran"},
			{36 * time.Hour, otherConversation, "ran"},
		},
	} {
		t.Run(keys, func(t *testing.T) {
			f := newFlow(t, keys)
			for i, s := range steps {
				o := f.at(s.after, s.edit)
				if got, _, _ := strings.Cut(said(o), ": it has no"); got != s.want {
					t.Errorf("step %d:\ngot  %s\nwant %s", i, got, s.want)
				}
				if held := o.Verdict == HeldBack; held == o.Until.IsZero() || held && len(o.Actions)+len(o.Remember) > 0 {
					t.Errorf("step %d: %+v", i, o)
				}
			}
		})
	}
}

// A rule that did not run, because its condition is false or it failed, does not cool down.
func TestEvaluate_cooldown_counts_runs_only(t *testing.T) {
	for _, keys := range []string{
		"cooldown: 1h; limit: { runs: 1, per: 1h }; if: conversation.read",
		"cooldown: 1h; limit: { runs: 1, per: 1h }; if: contact.custom_attributes.plan > 5",
		`cooldown: 1h; limit: { runs: 1, per: 1h }; then: [{tag: "{{ contact.custom_attributes.none }}"}]`,
	} {
		f := newFlow(t, keys)
		f.at(0, same)
		if len(f.state) != 0 {
			t.Errorf("%s: %v", keys, f.state)
		}
	}
}

func TestEvaluate_cooldown_without_its_subject_fails(t *testing.T) {
	for keys, want := range map[string]string{
		"cooldown: 1h":                        "failed: cooldown: the event is not about a conversation",
		"cooldown: { for: 1h, per: contact }": "failed: cooldown: the event does not name a contact",
	} {
		rs := mustParse(t, header+ruleText("r", "when: '*'; from: any; "+keys))
		if got := said(outcome(t, evaluate(t, rs, input(t, "company_created.json")), "r")); got != want {
			t.Errorf("%s: got %q, want %q", keys, got, want)
		}
	}
}

// The limit counts the runs of a rule over all conversations, in windows that begin with the
// first run.
func TestEvaluate_limit(t *testing.T) {
	f := newFlow(t, "limit: { runs: 3, per: 1h }")
	const held = "held_back by limit: it ran 3 times since 2026-01-10T08:10:00Z (limit: 3 per 1h) and is paused until 2026-01-10T09:10:00Z"
	for i, s := range []struct {
		after time.Duration
		edit  func(object)
		want  string
	}{
		{0, same, "ran"},
		{30 * time.Minute, otherConversation, "ran"},
		{50 * time.Minute, otherContact, "ran"},
		{50 * time.Minute, same, held},
		{time.Hour - time.Nanosecond, otherContact, held},
		{time.Hour, same, "ran"}, // a new window, with room for three
		{time.Hour, same, "ran"},
		{2*time.Hour - time.Second, same, "ran"},
		{2*time.Hour - time.Second, same, "held_back by limit: it ran 3 times since 2026-01-10T09:10:00Z (limit: 3 per 1h) and is paused until 2026-01-10T10:10:00Z"},
		{5 * time.Hour, same, "ran"},
	} {
		o := f.at(s.after, s.edit)
		if got, _, _ := strings.Cut(said(o), ": it has no"); got != s.want {
			t.Errorf("step %d:\ngot  %s\nwant %s", i, got, s.want)
		}
	}
	if len(f.state) != 11 { // a part for each of the seven runs, the window, and the breaker of three conversations
		t.Errorf("the limit is %d entries: %v", len(f.state), f.state)
	}
}

// A changed limit or cooldown counts from the first event after the reload on.
func TestEvaluate_a_changed_quota_takes_effect_at_once(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		ran                 int           // before the reload
		when                time.Duration // the event after it
		want                Verdict
	}{
		{"more runs", "limit: { runs: 2, per: 1h }", "limit: { runs: 3, per: 1h }", 2, time.Minute, Ran},
		{"fewer runs", "limit: { runs: 5, per: 1h }", "limit: { runs: 2, per: 1h }", 3, time.Minute, HeldBack},
		{"a shorter window", "limit: { runs: 2, per: 1h }", "limit: { runs: 2, per: 5m }", 2, 5 * time.Minute, Ran},
		{"a longer window", "limit: { runs: 2, per: 1h }", "limit: { runs: 2, per: 1d }", 2, 20 * time.Hour, HeldBack},
		{"no limit", "limit: { runs: 2, per: 1h }", "", 2, time.Minute, Ran},
		{"a shorter cooldown", "cooldown: 1h", "cooldown: 1m", 1, time.Minute, Ran},
		{"a longer cooldown, while the old one lasts", "cooldown: 1h", "cooldown: 1d", 1, 59 * time.Minute, HeldBack},
		// Windows are forgotten when the cooldown that made them is over.
		{"a longer cooldown, after the old one", "cooldown: 1h", "cooldown: 1d", 1, time.Hour, Ran},
		{"another kind of cooldown", "cooldown: 1h", "cooldown: { for: 1h, per: contact }", 1, time.Minute, Ran},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFlow(t, tt.before)
			for i := range tt.ran {
				if o := f.at(time.Duration(i), same); o.Verdict != Ran {
					t.Fatal(said(o))
				}
			}
			f.reload(tt.after)
			if o := f.at(tt.when, same); o.Verdict != tt.want {
				t.Errorf("%s, want %s", said(o), tt.want)
			}
		})
	}
}

// A rule in shadow uses up nothing, and says what would hold it back if it were live.
func TestEvaluate_shadow_says_what_would_hold_it(t *testing.T) {
	for keys, want := range map[string]string{
		"cooldown: 1h":                "live it would be held back by cooldown: it ran for this conversation at",
		"limit: { runs: 1, per: 1h }": "live it would be held back by limit: it ran 1 time since",
		"once: conversation":          "live it would be held back by once: it ran already for this conversation",
	} {
		shadow := newFlow(t, keys+"; state: shadow")
		for range 3 {
			if o := shadow.at(0, same); o.HeldBy != HeldByShadow || len(o.Would) != 1 || len(shadow.state) != 0 {
				t.Errorf("%s: %s, remembered %v; a rule in shadow uses up nothing", keys, said(o), shadow.state)
			}
		}
		f := newFlow(t, keys)
		if o := f.at(0, same); o.Verdict != Ran {
			t.Errorf("%s: %s", keys, said(o))
		}
		f.reload(keys + "; state: shadow")
		if o := f.at(time.Second, same); o.HeldBy != HeldByShadow || len(o.Would) != 0 || !strings.Contains(o.Reason, want) {
			t.Errorf("%s: %s, would %v; want %q", keys, said(o), o.Would, want)
		}
	}
}

// What holds a rule back for good is said before what passes.
func TestEvaluate_once_goes_before_cooldown_and_limit(t *testing.T) {
	f := newFlow(t, "once: conversation; cooldown: 1h; limit: { runs: 1, per: 1h }")
	f.at(0, same)
	if o := f.at(time.Second, same); o.HeldBy != HeldByOnce {
		t.Errorf("the same conversation: %s", said(o))
	}
	if o := f.at(time.Second, otherConversation); o.HeldBy != HeldByLimit {
		t.Errorf("another conversation: %s", said(o))
	}
}

// When the state cannot be read nothing is decided: the event is tried again.
func TestEvaluate_cooldown_and_limit_wait_for_their_state(t *testing.T) {
	for _, keys := range []string{"cooldown: 1h", "limit: { runs: 1, per: 1h }"} {
		in := input(t, conversationReplied)
		in.State = brokenState{errors.New("disk full")}
		d, err := mustParse(t, header+ruleText("r", keys)).Evaluate(t.Context(), in)
		if _, ok := errors.AsType[*LookupError](err); !ok || d != nil {
			t.Errorf("%s: %v, %v; want a LookupError", keys, d, err)
		}
	}
}

func TestRuleset_Paused(t *testing.T) {
	rs := mustParse(t, header+ruleText("limited", "limit: { runs: 2, per: 1h }")+ruleText("shadow", "limit: { runs: 2, per: 1h }; state: shadow")+ruleText("free", ""))
	now := unix(1768032600)
	full := Memory{Runs: 2, Since: now.Add(-time.Minute), Until: now.Add(time.Hour * 1000)}
	for _, tt := range []struct {
		rule string
		m    Memory
		now  time.Time
		want time.Time
	}{
		{"limited", full, now, now.Add(59 * time.Minute)},
		{"limited", full, now.Add(59 * time.Minute), time.Time{}},
		{"limited", Memory{Runs: 1, Since: now}, now, time.Time{}},
		{"limited", Memory{}, now, time.Time{}},
		{"shadow", full, now, time.Time{}},
		{"free", full, now, time.Time{}},
		{"gone", full, now, time.Time{}},
	} {
		until, paused := rs.Paused(tt.rule, tt.m, tt.now)
		if paused == tt.want.IsZero() || paused && !until.Equal(tt.want) {
			t.Errorf("%s, %+v at %s: paused %v until %s, want until %s", tt.rule, tt.m, tt.now, paused, until, tt.want)
		}
	}
	info := mustParse(t, header+ruleText("r", "cooldown: { for: 2d, per: contact }; limit: { runs: 2, per: 1h30m }")).Rules()[0]
	if info.Cooldown != "2d per contact" || info.Limit != "2 per 1h30m" {
		t.Errorf("%+v", info)
	}
	if info := rs.Rules()[2]; info.Cooldown != "" || info.Limit != "" {
		t.Errorf("%+v", info)
	}
}

// The circuit breaker counts the actions of all rules on a subject, those on the same event
// included.
func TestEvaluate_I9_breaker(t *testing.T) {
	rs := mustParseAny(t, "version: 1\nsettings: {breaker: 5}\nrules:\n"+
		"  - {name: two, when: '*', from: any, then: [close, open]}\n"+
		"  - {name: three, when: '*', from: any, then: [close, open, close]}\n"+
		"  - {name: one, when: '*', from: any, then: [close]}\n")
	state := memory{}
	at := func(after time.Duration, edit func(object)) string {
		in := input(t, conversationCreated)
		in.Event = edited(t, conversationCreated, func(_, item object) { edit(item) })
		in.Now, in.State = in.Now.Add(after), state
		d := evaluate(t, rs, in)
		state.remember(t, d)
		var words []string
		for _, o := range d.Rules {
			words = append(words, string(o.Verdict)+strings.TrimPrefix(" "+o.HeldBy, " "))
		}
		return strings.Join(words, " ")
	}
	for i, s := range []struct {
		after time.Duration
		edit  func(object)
		want  string
	}{
		{0, same, "ran ran held_backbreaker"},
		{time.Minute, same, "held_backbreaker held_backbreaker held_backbreaker"},
		{time.Minute, otherConversation, "ran ran held_backbreaker"},
		{time.Hour, same, "ran ran held_backbreaker"},
	} {
		if got := at(s.after, s.edit); got != s.want {
			t.Errorf("step %d: %s, want %s", i, got, s.want)
		}
	}
}
