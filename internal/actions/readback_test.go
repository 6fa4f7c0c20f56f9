package actions

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/intercom"
)

const hello = `{"body":"<p>Hello Kim &amp; co,<br>we are \"on it\".</p><p>Bye</p>"}`

func TestReadBack_I4(t *testing.T) {
	const (
		sent    = `<p>Hello Kim &amp; co,<br>we are "on it".</p><p>Bye</p>`
		wrapped = "<p class=\"no-margin\">Hello Kim &amp; co,<br />\nwe are &quot;on&nbsp;it&quot;.</p>\n<p class=\"no-margin\">Bye</p>"
		flat    = `<div>Hello Kim & co, we are &#34;on it&#34;. <span title="a > b">Bye</span></div>`
	)
	// Synthetic time begins at the full second.
	attempt := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)
	now := attempt.Add(3 * time.Second)
	by9 := func(id, kind, body string) part { return partOf(id, kind, body, "9", now) }
	change := func(p part, key string, value any) part { p[key] = value; return p }
	many := func(n int, at time.Time) []part {
		parts := make([]part, n)
		for i := range parts {
			parts[i] = partOf(fmt.Sprint(1000+i), "comment", "<p>talk</p>", "10", at)
		}
		return parts
	}
	tests := []struct {
		name   string
		kind   string // reply unless given
		params string // hello unless given
		parts  []part
		total  int    // parts that there are, when more than returned
		answer string // instead of parts
		own    []string
		want   Finding
		found  string
	}{
		{name: "nothing there", want: DidNotHappen},
		{name: "the very text", parts: []part{by9("2", "comment", sent)}, want: Happened, found: "2"},
		{name: "as Intercom writes it", parts: []part{by9("2", "comment", wrapped)}, want: Happened, found: "2"},
		{name: "other tags, entities and white space", parts: []part{by9("2", "comment", flat)}, want: Happened, found: "2"},
		{name: "a first reply arrives as an assignment", parts: []part{by9("2", "assignment", sent)}, want: Happened, found: "2"},
		{name: "a reply that opened", parts: []part{by9("2", "open", sent)}, want: Happened, found: "2"},
		{name: "a reply is no note", parts: []part{by9("2", "note", sent)}, want: DidNotHappen},
		{name: "another text", parts: []part{by9("2", "comment", "<p>Hello Kim</p>")}, want: DidNotHappen},
		{name: "the same text by another admin", parts: []part{partOf("2", "comment", sent, "10", now)}, want: DidNotHappen},
		{name: "the same text by a customer with that id", parts: []part{change(by9("2", "comment", sent), "author", map[string]any{"type": "user", "id": "9"})}, want: DidNotHappen},
		{name: "the same text, sent before", parts: []part{partOf("2", "comment", sent, "9", attempt.Add(-3*time.Second))}, want: DidNotHappen},
		{name: "rounded down to before the attempt", parts: []part{partOf("2", "comment", sent, "9", attempt.Add(-2*time.Second))}, want: Happened, found: "2"},
		{name: "it belongs to another action", parts: []part{by9("2", "comment", sent)}, own: []string{"2"}, want: DidNotHappen},
		{name: "another action's and ours", parts: []part{by9("2", "comment", sent), by9("3", "comment", sent)}, own: []string{"2"}, want: Happened, found: "3"},
		{name: "ids are integers", parts: []part{change(by9("", "comment", sent), "id", 9007199254740993)}, want: Happened, found: "9007199254740993"},
		{name: "a note", kind: "note", parts: []part{by9("2", "comment", sent), by9("3", "note", wrapped)}, want: Happened, found: "3"},
		{name: "a note is no reply", kind: "note", parts: []part{by9("2", "comment", sent)}, want: DidNotHappen},
		{name: "a close with text", kind: "close", parts: []part{by9("2", "close", wrapped)}, want: Happened, found: "2"},
		{name: "a close without text is not it", kind: "close", parts: []part{by9("2", "close", "")}, want: DidNotHappen},
		{name: "somebody redacted it", parts: []part{change(by9("2", "comment", ""), "redacted", true)}, want: Unclear},
		{name: "the part has no time", parts: []part{change(by9("2", "comment", sent), "created_at", nil)}, want: Unclear},
		{name: "a picture, and nothing there", params: `{"body":"<img src='a'>"}`, parts: []part{by9("2", "close", "")}, want: DidNotHappen},
		{name: "a picture, and something there", params: `{"body":"<img src='a'>"}`, parts: []part{by9("2", "comment", "<img src='b'>")}, want: Unclear},
		{name: "500 parts, all newer than the attempt", parts: many(500, now), want: Unclear},
		{name: "500 parts, the oldest from before", parts: append(many(499, now), partOf("1", "comment", "", "10", attempt.Add(-time.Minute))), want: DidNotHappen},
		{name: "500 parts and ours among them", parts: append(many(499, now), by9("2", "comment", sent)), want: Happened, found: "2"},
		{name: "499 parts", parts: many(499, now), want: DidNotHappen},
		{name: "fewer parts than there are", parts: many(5, now), total: 20, want: Unclear},
		{name: "none of the parts there are", total: 20, want: Unclear},
		{name: "an answer without parts", answer: `{"type":"conversation","id":"77"}`, want: Unclear},
		{name: "an answer with null for parts", answer: `{"type":"conversation","id":"77","conversation_parts":null}`, want: Unclear},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(attempt.Add(10 * time.Second)))
				if tt.kind == "" {
					tt.kind = "reply"
				}
				if tt.params == "" {
					tt.params = hello
				}
				a := newAPI()
				a.answers["GET /conversations/77"] = withTotal(conversation(tt.parts...), tt.total)
				if tt.answer != "" {
					a.answers["GET /conversations/77"] = tt.answer
				}
				k, _ := Lookup(tt.kind)
				got, r, err := k.ReadBack(t.Context(), a.env(t), Call{
					Kind: tt.kind, Subject: "conversation/77", Params: json.RawMessage(tt.params), AttemptedAt: attempt,
					Own: func(id string) bool { return slices.Contains(tt.own, id) },
				})
				if err != nil || got != tt.want {
					t.Fatalf("finding %v, %v; want %v", got, err, tt.want)
				}
				if want := []string{tt.found}; tt.found != "" && !slices.Equal(r.Parts, want) {
					t.Errorf("parts %q, want %q", r.Parts, want)
				}
				if tt.found != "" && r.Detail != Describe(tt.kind, json.RawMessage(tt.params)) {
					t.Errorf("detail %q", r.Detail)
				}
				if tt.found == "" && len(r.Parts) > 0 {
					t.Errorf("parts %q", r.Parts)
				}
				for _, call := range a.calls {
					if call != "GET /conversations/77" {
						t.Errorf("reading back made the call %s", call)
					}
				}
			})
		})
	}
}

func withTotal(conv string, total int) string {
	if total == 0 {
		return conv
	}
	var m map[string]any
	_ = json.Unmarshal([]byte(conv), &m)
	m["conversation_parts"].(map[string]any)["total_count"] = total
	b, _ := json.Marshal(m)
	return string(b)
}

func TestReadBack_I4_a_wrong_clock_here_hides_nothing(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, -40 * time.Second, -1500 * time.Millisecond, 1500 * time.Millisecond, 40 * time.Second, time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(1234567 * time.Microsecond)
				attempt := time.Now()
				theirs := attempt.Add(ahead) // Intercom's clock at that moment
				a := newAPI()
				a.date = func() time.Time { return time.Now().Add(ahead) }
				env := a.env(t)
				call := Call{Subject: "conversation/77", Params: json.RawMessage(hello), AttemptedAt: attempt}
				var p messageParams
				_ = json.Unmarshal(call.Params, &p)
				read := func(at time.Time) Finding {
					a.answers["GET /conversations/77"] = conversation(partOf("2", "comment", p.Body, "9", at))
					f, _, err := reply{}.ReadBack(t.Context(), env, call)
					if err != nil {
						t.Fatal(err)
					}
					return f
				}
				time.Sleep(20 * time.Second)
				if got := read(theirs); got != Happened {
					t.Errorf("made at the attempt: %v", got)
				}
				if got := read(theirs.Add(-6 * time.Second)); got != DidNotHappen {
					t.Errorf("made six seconds before: %v", got)
				}
			})
		})
	}
}

// TestReadBack_I4_a_clock_here_that_was_wrong_then: where the attempt carries Intercom's time, ours is
// not asked.
func TestReadBack_I4_a_clock_here_that_was_wrong_then(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		theirs := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		call := Call{Subject: "conversation/77", Params: json.RawMessage(hello), AttemptedAt: theirs.Add(ahead), AttemptedTheirs: theirs}
		var p messageParams
		_ = json.Unmarshal(call.Params, &p)
		for after, want := range map[time.Duration]Finding{0: Happened, time.Second: Happened, -6 * time.Second: DidNotHappen} {
			a := newAPI()
			a.answers["GET /conversations/77"] = conversation(partOf("2", "comment", p.Body, "9", theirs.Add(after)))
			if got, _, err := (reply{}).ReadBack(t.Context(), a.env(t), call); got != want || err != nil {
				t.Errorf("%s ahead, made %s after the attempt: %v, %v; want %v", ahead, after, got, err, want)
			}
		}
	}
}

func TestReadBack_I4_what_cannot_be_read_decides_nothing(t *testing.T) {
	for status, class := range map[int]intercom.Class{404: intercom.Permanent, 401: intercom.Credential, 429: intercom.RateLimited, 503: intercom.Retry} {
		a := newAPI()
		a.statuses["GET /conversations/77"] = status
		got, _, err := reply{}.ReadBack(t.Context(), a.env(t), Call{Subject: "conversation/77", Params: json.RawMessage(hello), AttemptedAt: time.Now()})
		if got != Unclear || intercom.ClassOf(err) != class {
			t.Errorf("status %d: %v, %v; want unclear and class %v", status, got, err, class)
		}
	}
	a := newAPI()
	if got, _, err := (reply{}).ReadBack(t.Context(), a.env(t), Call{Subject: "conversation/77", Params: json.RawMessage(hello)}); got != Unclear || err != nil {
		t.Errorf("without the time of the attempt: %v, %v; want unclear", got, err)
	}
	if got, _, err := (reply{}).ReadBack(t.Context(), a.env(t), Call{Subject: "conversation/77", Params: json.RawMessage(`{"body":7}`), AttemptedAt: time.Now()}); got != Unclear || intercom.ClassOf(err) != intercom.Permanent {
		t.Errorf("unreadable parameters: %v, %v", got, err)
	}
	for _, name := range []string{"tag", "untag", "assign", "open", "snooze"} {
		k, _ := Lookup(name)
		if got, _, err := k.ReadBack(t.Context(), a.env(t), Call{}); got != Unclear || err == nil {
			t.Errorf("%s: %v, %v; want an error", name, got, err)
		}
	}
}

func TestReadBack_I4_parameters_that_cannot_be_read_are_not_repeatable(t *testing.T) {
	if (closing{}).Repeatable(json.RawMessage(`{"body":7}`)) {
		t.Error("a close that may have a text is repeatable")
	}
}
