package rules

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// The payloads in testdata have the shapes that Intercom sends; people and texts are made up.
const (
	conversationCreated    = "conversation_user_created.json"     // current generation
	conversationReplied    = "conversation_user_replied.json"     // current generation
	conversationCreatedOld = "conversation_user_created_old.json" // API 1.x
	conversationRepliedOld = "conversation_user_replied_old.json" // API 1.x
)

func payload(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "payloads", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustEvent(t testing.TB, name string) event.Event {
	t.Helper()
	return parseEvent(t, payload(t, name))
}

func parseEvent(t testing.TB, body []byte) event.Event {
	t.Helper()
	ev, err := event.Parse(body, time.Unix(1768032500, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// edited returns the event of a payload after edit changed its envelope.
func edited(t testing.TB, name string, edit func(envelope, item object)) event.Event {
	t.Helper()
	var envelope object
	d := json.NewDecoder(strings.NewReader(string(payload(t, name))))
	d.UseNumber()
	if err := d.Decode(&envelope); err != nil {
		t.Fatal(err)
	}
	edit(envelope, envelope["data"].(object)["item"].(object))
	b, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return parseEvent(t, b)
}

// serious are the problems that matter to a test of something else: that a text may come out empty does not.
func serious(problems []diag.Problem) []diag.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p diag.Problem) bool { return p.Code == codeMayBeEmpty })
}

func mustParse(t testing.TB, text string) *Ruleset {
	t.Helper()
	rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
	if rs == nil || len(serious(problems)) > 0 {
		t.Fatalf("problems:\n%s", drawn(t, problems))
	}
	return rs
}

// mustParseAny does not look at rules together: it accepts those that feed each other or never run, for
// what is decided about them then.
func mustParseAny(t testing.TB, text string) *Ruleset {
	t.Helper()
	rs, problems := parse([]Source{{"rules.yaml", []byte(text)}}, func(*loader) {})
	if rs == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", drawn(t, problems))
	}
	return rs
}

func drawn(t testing.TB, problems []diag.Problem) string {
	t.Helper()
	var b strings.Builder
	if err := diag.WriteText(&b, problems, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const contactObject = `{"type":"contact","id":"6a1b2c3d4e5f60718293a4b5","external_id":"70","role":"user",
 "email":"jo@globex.test","name":"Jo Miller","phone":"+15550100","owner_id":123456789012345678,
 "created_at":1734537424,"signed_up_at":1734537424,"last_seen_at":null,
 "location":{"type":"location","country":"Ireland","region":"Leinster","city":"Dublin","country_code":"IRL"},
 "custom_attributes":{"plan":"pro","seats":12,"vip":true,"account":9007199254740993},
 "companies":{"type":"list","data":[{"id":"c1","type":"company","url":"/companies/c1"}]}}`

const companiesList = `[{"type":"company","id":"c1","company_id":"42","name":"Globex","monthly_spend":1200.5,
 "user_count":3,"plan":{"name":"gold"},"created_at":1734537382,"custom_attributes":{"tier":1}},
 {"type":"company","id":"c2","company_id":"43","name":"Initech","plan":{}}]`

// fixedLookup answers every question of a kind with the same.
type fixedLookup struct{ contact, companies, conversation, ticket, articles, contacts, conversations string }

func (l fixedLookup) Look(_ context.Context, q Question) (json.RawMessage, error) {
	return json.RawMessage(map[QuestionKind]string{
		AskContact: l.contact, AskCompanies: l.companies, AskConversation: l.conversation, AskTicket: l.ticket,
		AskArticles: l.articles, AskContacts: l.contacts, AskConversations: l.conversations,
	}[q.Kind]), nil
}

// countingLookup counts and can fail.
type countingLookup struct {
	fixedLookup
	mu    sync.Mutex
	asked []string
	err   error
}

func (l *countingLookup) Look(ctx context.Context, q Question) (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, q.Key())
	if l.err != nil {
		return nil, l.err
	}
	return l.fixedLookup.Look(ctx, q)
}

// memory is a State in memory.
type memory map[string]Memory

func (m memory) Recall(_ context.Context, rule, key string) (Memory, error) {
	return m[rule+" "+key], nil
}

func (m memory) Timers(context.Context) ([]Timer, error)   { return nil, nil }
func (m memory) Cancels(context.Context) ([]Cancel, error) { return nil, nil }

// remember counts the runs of a decision, as the store does.
func (m memory) remember(t testing.TB, d *Decision) {
	t.Helper()
	for _, o := range d.Rules {
		for _, q := range o.Remember {
			key := q.Owner(o.Rule) + " " + q.Key
			was := m[key]
			now := Memory{Runs: was.Runs + q.size(), Since: was.Since, Until: was.Until}
			if over := q.Per > 0 && (!d.At.Before(was.Since.Add(q.Per)) || !was.Until.IsZero() && !d.At.Before(was.Until)); over || was.Runs == 0 {
				now = Memory{Runs: q.size(), Since: d.At}
				if q.Keep > 0 {
					now.Until = d.At.Add(q.Keep)
				}
			} else if now.Runs > q.Runs {
				t.Errorf("%s ran although its quota %+v was used up: %+v", o.Rule, q, was)
			}
			m[key] = now
		}
	}
}

// outcome returns what became of one rule.
func outcome(t testing.TB, d *Decision, rule string) Outcome {
	t.Helper()
	for _, o := range d.Rules {
		if o.Rule == rule {
			return o
		}
	}
	t.Fatalf("the decision does not name %q: %+v", rule, d.Rules)
	return Outcome{}
}
