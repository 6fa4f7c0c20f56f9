package ruletest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/internal/diag"
)

// load writes rules and tests of them, and more files by name and content, and loads the tests.
func load(t *testing.T, rules, tests string, more ...string) (*File, []diag.Problem) {
	t.Helper()
	dir := t.TempDir()
	files := append([]string{"rules.yaml", "version: 1\nrules:\n" + rules, "rules.test.yaml", "version: 1\n" + tests}, more...)
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(dir, "rules.test.yaml"))
}

// allPass runs tests twice, because a run must leave nothing behind.
func allPass(t *testing.T, rules, tests string, more ...string) {
	t.Helper()
	file, problems := load(t, rules, tests, more...)
	if file == nil {
		t.Fatalf("%+v", problems)
	}
	for range 2 {
		report, err := Run(t.Context(), []*File{file}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if !r.Passed() {
				var text strings.Builder
				_ = WriteResult(&text, r) // a Builder takes everything
				t.Error(text.String())
			}
		}
	}
}

const (
	waits = "  - { name: waits, when: [conversation.user.created, conversation.user.replied], after: 15m, cancel_on: conversation.admin.replied, then: [tag: Waits] }\n"

	notification = `{"type":"notification_event","app_id":"abc","id":"notif_1","topic":"conversation.user.replied","created_at":1772445600,
"data":{"type":"notification_event_data","item":{"type":"conversation","id":"77","state":"open","created_at":1772440000,"waiting_since":1772445600,
"snoozed_until":null,"custom_attributes":{"big":12345678901234567},"source":{"type":"conversation","id":"27800000001","body":"<p>Hi</p>","author":{"type":"user","id":"5f01","name":"Eve"}},
"contacts":{"contacts":[{"type":"contact","id":"5f01"}]},"conversation_parts":{"conversation_parts":[
{"type":"conversation_part","id":"27900000001","part_type":"comment","body":"<p>News?</p>","author":{"type":"user","id":"5f01"}}]}}}}`
)

// A notification from a file happens in the world of the test: what follows it comes after it, in the same
// workspace, and about the same conversation.
func TestRun_payload(t *testing.T) {
	rules := waits + `
  - { name: once, when: conversation.user.replied, once: conversation, then: [note: once] }
  - { name: parts, when: conversation.user.replied, after: 1h, restart: false, if: 'len(conversation.parts) >= 3 and conversation.custom_attributes.big == 12345678901234567', then: [tag: { name: Many, on: contact }] }
`
	allPass(t, rules, `
given: { at: 2026-03-02 10:00 }
tests:
  - name: a timer starts again on what follows
    events:
      - payload: n.json
      - { after: 16m, customer: Again }
    expect:
      - { rule: once, then: [{ note: once }] }
      - { rule: waits, at: 10:15, then: [{ tag: Waits }] }
      - { rule: waits, at: 10:31, then: [{ tag: Waits }] }
      - { rule: once, at: 10:16, held_by: once }
      - { rule: parts, at: 11:00, then: [{ tag: { name: Many, on: contact } }] }
  - name: an answer cancels it
    events:
      - payload: n.json
      - { after: 5m, teammate: Here }
    until: 30m
    expect: [{ rule: once, then: [note] }]
  - name: it happens when the event says
    events:
      - { payload: n.json, at: 11:00 }
    until: 30m
    expect:
      - { rule: once, at: 11:00, then: [note] }
      - { rule: waits, at: 11:15, then: [tag] }
  - name: a second delivery is nothing
    events:
      - payload: n.json
      - { payload: n.json, after: 20m }
    until: 20m
    expect:
      - { rule: once, then: [note] }
      - { rule: waits, at: 10:15, then: [tag] }
`, "n.json", notification)
}

func TestRun_contact_payload(t *testing.T) {
	allPass(t, `
  - { name: pro, when: contact.user.updated, after: 1h, if: contact.custom_attributes.plan == "pro", then: [tag: Pro] }
`, `
tests:
  - name: what the file says of the contact holds from then on
    events: [{ payload: n.json }]
    expect: [{ rule: pro, then: [{ tag: Pro }] }]
`, "n.json", `{"app_id":"abc","id":"n1","topic":"contact.user.updated","created_at":1772445600,"data":{"item":{"type":"contact","id":"5f01","role":"user","created_at":1,"custom_attributes":{"plan":"pro"}}}}`)
}

func TestRun_given(t *testing.T) {
	allPass(t, `
  - { name: old, when: conversation.user.replied, if: days_since(conversation.created_at) >= 3, then: [tag: Old] }
  - { name: vip, when: conversation.user.created, if: conversation.custom_attributes.vip == true, then: [tag: VIP] }
  - { name: eve, when: conversation.admin.noted, if: admin.name == "Eve", then: [tag: Eve] }
  - { name: morning, when: conversation.user.created, if: conversation.title == "zone" and now() == date("2026-01-05T15:00:00Z"), then: [tag: Ten] }
  - { name: awake, when: conversation.user.replied, after: 2h, if: conversation.state == "open", then: [tag: Awake] }
`, `
given: { timezone: Europe/Berlin, conversation: { title: x } }
tests:
  - name: times count from when the test begins
    given: { at: 2026-05-04 09:00, conversation: { created_at: 3d ago } }
    events: [{ customer: Hi }]
    until: 1m
    expect: [{ rule: old, then: [tag] }]
  - name: what an event says of one conversation is not said of the next
    events:
      - { in: one, customer: Hi }
      - { in: two, conversation: { custom_attributes: { vip: true } }, customer: Hi }
      - { in: three, customer: Hi }
    expect: [{ rule: vip, then: [tag] }]
  - name: nor is the teammate renamed by an item
    events:
      - { topic: conversation.admin.closed, item: { source: { author: { name: Eve } } } }
      - { teammate: { note: x } }
    expect: nothing
  - name: a zone of its own
    given: { timezone: America/New_York, conversation: { title: zone } }
    events: [{ customer: Hi }]
    expect: [{ rule: morning, then: [tag] }]
  - name: a snooze that an item says ends
    given: { conversation: { state: open } }
    events:
      - { topic: conversation.admin.snoozed, item: { state: snoozed, snoozed_until: 1767600000 } }
      - { customer: Hi }
    expect: [{ rule: awake, then: [tag] }]
`)
}

// An expectation with a time is about the run at that time, wherever it stands.
func TestRun_expectations_with_times_first(t *testing.T) {
	allPass(t, waits, `
given: { at: 2026-03-02 10:00 }
tests:
  - name: two runs
    events: [{ customer: Hi }, { after: 1h, customer: Hi }]
    expect: [{ rule: waits, then: [tag] }, { rule: waits, at: 10:15, then: [tag] }]
`)
}

// However many kinds stand alone, a mistake behind them is found.
func TestLoad_mistakes_behind_many(t *testing.T) {
	_, problems := load(t, waits, `
tests:
  - name: many
    events: [{ customer: Hi }]
    expect: [{ rule: waits, then: [`+strings.Repeat("tag, ", 600)+`tag] }, { rule: waits, then: [{ noet: x }] }]
`)
	if len(problems) != 1 || problems[0].Code != "actions/unknown" {
		t.Errorf("%+v", problems)
	}
}

func TestLoad_times_that_are_not(t *testing.T) {
	for _, at := range []string{"2026-03-29 02:30", "2026-02-30 10:00", "25:00"} {
		_, problems := load(t, waits, "given: { timezone: Europe/Berlin }\ntests: [{ name: a, events: [{ at: "+at+", customer: Hi }], expect: nothing }]\n")
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Message, "there is no such time in Europe/Berlin") {
			t.Errorf("%s: %+v", at, problems)
		}
	}
}
