package actions

import (
	"slices"
	"strings"
	"testing"

	"switchboard/internal/intercom"
)

func TestNames_every_kind_is_found_and_sorted(t *testing.T) {
	want := []string{
		"assign", "close", "company", "contact", "count", "event", "http", "message", "note", "open",
		"reply", "set", "snooze", "tag", "ticket", "untag",
	}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	for _, name := range want {
		if k, ok := Lookup(name); !ok || k.Name() != name {
			t.Errorf("Lookup(%q) = %v, %v", name, k, ok)
		}
	}
	if _, ok := Lookup("teleport"); ok {
		t.Error("an unknown kind is known")
	}
}

func TestParse_good_actions(t *testing.T) {
	facts := map[string]string{"plan": "Gold", "name": "Kim <b>", "empty": ""}
	tests := []struct {
		src, summary, params, describe string
		repeatable                     bool
		priority                       intercom.Priority
	}{
		{"tag: VIP", "tag VIP", `{"tags":["VIP"]}`, "tag VIP", true, intercom.PriorityAction},
		{"tag: 2024", "tag 2024", `{"tags":["2024"]}`, "tag 2024", true, intercom.PriorityAction},
		{"tag: [VIP, 'Plan {{ plan }}', vip]", "tag VIP, Plan {{ plan }}, vip", `{"tags":["VIP","Plan Gold"]}`, "tag VIP, Plan Gold", true, intercom.PriorityAction},
		{"untag: VIP", "untag VIP", `{"tags":["VIP"]}`, "untag VIP", true, intercom.PriorityAction},
		{"assign: {team: Finance}", "assign team Finance", `{"team":"Finance"}`, "assign team Finance", true, intercom.PriorityAction},
		{"assign: {admin: ' {{ name }} '}", "assign admin {{ name }}", `{"admin":"Kim \u003cb\u003e"}`, "assign admin Kim <b>", true, intercom.PriorityAction},
		{"assign: {team: '{{ plan }}', pick: round_robin}", "assign team {{ plan }}, pick round_robin", `{"team":"Gold","pick":{"order":"round_robin"}}`, "assign team Gold, pick round_robin", true, intercom.PriorityAction},
		{"assign: {pick: round_robin, skip: away, otherwise: team, team: A}", "assign team A, pick round_robin", `{"team":"A","pick":{"order":"round_robin"}}`, "assign team A, pick round_robin", true, intercom.PriorityAction},
		{"assign: {team: A, pick: least_busy, skip: [], capacity: 5, otherwise: wait, prefer: last_assignee}", "assign team A, pick least_busy, away ones too, capacity 5, otherwise wait, prefer last_assignee", `{"team":"A","pick":{"order":"least_busy","take_away":true,"capacity":5,"wait":true,"prefer_last":true}}`, "assign team A, pick least_busy, away ones too, capacity 5, otherwise wait, prefer last_assignee", true, intercom.PriorityAction},
		{"assign: nobody", "assign nobody", `{"nobody":true}`, "assign nobody", true, intercom.PriorityAction},
		{"reply: Hello", `reply "Hello"`, `{"body":"\u003cp\u003eHello\u003c/p\u003e"}`, "reply (5 characters)", false, intercom.PriorityReply},
		{"reply: {text: 'Hi {{ name }}'}", `reply "Hi {{ name }}"`, `{"body":"\u003cp\u003eHi Kim \u0026lt;b\u0026gt;\u003c/p\u003e"}`, "reply (10 characters)", false, intercom.PriorityReply},
		{"note: x", `note "x"`, `{"body":"\u003cp\u003ex\u003c/p\u003e"}`, "note (1 character)", false, intercom.PriorityAction},
		{"close", "close", `{}`, "close", true, intercom.PriorityAction},
		{"close: {}", "close", `{}`, "close", true, intercom.PriorityAction},
		{"close: {reply: Bye}", `close with reply "Bye"`, `{"body":"\u003cp\u003eBye\u003c/p\u003e"}`, "close with reply (3 characters)", false, intercom.PriorityReply},
		{"open", "open", `{}`, "open", true, intercom.PriorityAction},
		{"snooze: 2h", "snooze for 2h", `{"until":1772607967}`, "snooze until 2026-03-04T07:06:07Z", true, intercom.PriorityAction},
		{"snooze: {for: 1w}", "snooze for 1w", `{"until":1773205567}`, "snooze until 2026-03-11T05:06:07Z", true, intercom.PriorityAction},
		{"snooze: 1d12h30m", "snooze for 1d12h30m", `{"until":1772732167}`, "snooze until 2026-03-05T17:36:07Z", true, intercom.PriorityAction},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			_, spec, _ := parse(t, tt.src)
			kind, params, err := plan(t, tt.src, facts)
			if err != nil {
				t.Fatal(err)
			}
			if got := spec.Summary(); got != tt.summary {
				t.Errorf("summary %q, want %q", got, tt.summary)
			}
			if string(params) != tt.params {
				t.Errorf("params %s, want %s", params, tt.params)
			}
			if got := Describe(kind.Name(), params); got != tt.describe {
				t.Errorf("description %q, want %q", got, tt.describe)
			}
			if got := kind.Repeatable(params); got != tt.repeatable {
				t.Errorf("I4: repeatable %v, want %v", got, tt.repeatable)
			}
			if got := kind.Priority(params); got != tt.priority {
				t.Errorf("priority %v, want %v", got, tt.priority)
			}
		})
	}
}

func TestParse_problems_have_their_place(t *testing.T) {
	long := strings.Repeat("x", maxBody+1)
	for src, want := range map[string][]string{
		"tag:":                                  {"1:5: tag needs the name of a tag (actions/parameter) [write `tag: NAME` or `tag: [NAME, NAME]`]"},
		"tag: []":                               {"1:6: tag needs the name of a tag (actions/parameter) [write `tag: NAME` or `tag: [NAME, NAME]`]"},
		"tag: ''":                               {"1:6: the name of a tag is empty (actions/parameter)"},
		"tag: [A, ' ', [B], ]":                  {"1:10: the name of a tag is empty (actions/parameter)", "1:15: the name of a tag must be a text (actions/parameter)"},
		"tag: {on: contact}":                    {"1:6: tag needs the name of a tag (actions/parameter) [write `tag: NAME` or `tag: [NAME, NAME]`]"},
		"tag: {name: x, on: company}":           {"1:20: on can only be contact (actions/parameter) [leave it out for what the event is about]"},
		"tag: '{{ x'":                           {"1:6: a {{ without }} (rules/template)"},
		"untag: ~":                              {"1:8: untag needs the name of a tag (actions/parameter) [write `untag: NAME` or `untag: [NAME, NAME]`]"},
		"assign: Finance":                       {"1:9: assign needs to know to whom (actions/parameter) [write {team: NAME}, {admin: E-MAIL} or nobody]"},
		"assign":                                {"1:1: assign needs to know to whom (actions/parameter) [write {team: NAME}, {admin: E-MAIL} or nobody]"},
		"assign: {}":                            {"1:9: assign needs to know to whom (actions/parameter) [write {team: NAME}, {admin: E-MAIL} or nobody]"},
		"assign: {team: ''}":                    {"1:16: the name of the team is empty (actions/parameter)"},
		"assign: {admin: [a]}":                  {"1:17: the name of the admin must be a text (actions/parameter)"},
		"assign: {team: A, admin: b}":           {"1:26: one assign has either a team or an admin (actions/parameter) [use two assign actions]"},
		"assign: {team: A, pick: least_buzy}":   {`1:25: pick cannot be "least_buzy" (actions/parameter) [did you mean "least_busy"?]`},
		"assign: {team: A, pick: random}":       {`1:25: pick cannot be "random" (actions/parameter) [one of round_robin, least_busy]`},
		"assign: {team: A, pick: [least_busy]}": {`1:25: pick must be a word (actions/parameter) [one of round_robin, least_busy]`},
		"assign: {team: A, pick: }":             {`1:25: pick must be a word (actions/parameter) [one of round_robin, least_busy]`},
		"assign: {admin: a, pick: round_robin}": {"1:26: pick needs a team to pick from (actions/parameter) [write {team: NAME, pick: round_robin}]"},
		"assign:\n  team: A\n  otherwise: wait": {"3:14: this says how to pick, and pick is missing (actions/parameter) [add `pick: round_robin` or `pick: least_busy`]"},
		"assign: {team: A, capacity: 5, pik: round_robin}": {
			`1:32: unknown key "pik" (rules/unknown-key)`,
			"1:29: this says how to pick, and pick is missing (actions/parameter) [add `pick: round_robin` or `pick: least_busy`]",
		},
		"assign: {team: A, pick: round_robin, otherwise: wiat}": {`1:49: otherwise cannot be "wiat" (actions/parameter) [did you mean "wait"?]`},
		"assign: {team: A, pick: round_robin, skip: [awya, busy], prefer: last}": {
			`1:45: skip cannot be "awya" (actions/parameter) [did you mean "away"?]`,
			"1:51: skip cannot be \"busy\" (actions/parameter) [write `skip: away`]",
			"1:66: prefer cannot be \"last\" (actions/parameter) [write `prefer: last_assignee`]",
		},
		"assign: {team: A, pick: round_robin, capacity: 0}":    {"1:48: capacity must be a whole number from 1 to 1000 (actions/parameter) [how many open conversations are enough for one teammate]"},
		"assign: {team: A, pick: round_robin, capacity: 1001}": {"1:48: capacity must be a whole number from 1 to 1000 (actions/parameter) [how many open conversations are enough for one teammate]"},
		"assign: {team: A, pick: round_robin, capacity: 1.5}":  {"1:48: capacity must be a whole number from 1 to 1000 (actions/parameter) [how many open conversations are enough for one teammate]"},
		"assign: {team: A, pick: round_robin, capacity: '5'}":  {"1:48: capacity must be a whole number from 1 to 1000 (actions/parameter) [how many open conversations are enough for one teammate]"},
		"assign: {team: A, pick: round_robin, capacity: [1]}":  {"1:48: capacity must be a whole number from 1 to 1000 (actions/parameter) [how many open conversations are enough for one teammate]"},
		"assign: {pick: round_robin}":                          {"1:9: assign needs to know to whom (actions/parameter) [write {team: NAME}, {admin: E-MAIL} or nobody]"},
		"reply:":                                               {"1:7: the text of reply is missing (actions/parameter)"},
		"reply":                                                {"1:1: the text of reply is missing (actions/parameter)"},
		"reply: {}":                                            {"1:8: reply needs a text (actions/parameter) [write `reply: {text: …}` or `reply: …`]"},
		"reply: {text: }":                                      {"1:15: the text of reply is missing (actions/parameter)"},
		"reply: {txt: Hi}":                                     {`1:9: unknown key "txt" (rules/unknown-key)`, "1:8: reply needs a text (actions/parameter) [write `reply: {text: …}` or `reply: …`]"},
		"reply: [Hi]":                                          {"1:8: the text of reply must be a text (actions/parameter)"},
		"note: '  '":                                           {"1:7: the text of note is empty (actions/parameter)"},
		"note: " + long:                                        {"1:7: the text of note is longer than 50000 characters (actions/parameter)"},
		"close: bye":                                           {"1:8: close takes no value of this form (actions/parameter) [write `close: {reply: …}` to close with a reply, or just `close`]"},
		"close: {reply: }":                                     {"1:16: the reply of close is missing (actions/parameter)"},
		"open: now":                                            {"1:7: open takes no parameters (actions/parameter) [write just `open`]"},
		"snooze":                                               {"1:1: snooze needs a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]"},
		"snooze: {}":                                           {"1:9: snooze needs a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]"},
		"snooze: 30":                                           {`1:9: "30" is not a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]`},
		"snooze: 2 hours":                                      {`1:9: "2 hours" is not a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]`},
		"snooze: -1h":                                          {`1:9: "-1h" is not a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]`},
		"snooze: 1.5h":                                         {`1:9: "1.5h" is not a duration (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]`},
		"snooze: 59s":                                          {"1:9: a snooze must last at least a minute (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]"},
		"snooze: 367d":                                         {"1:9: a snooze may last a year at most (actions/parameter)"},
		"snooze: 999999999w999999999w":                         {"1:9: a snooze may last a year at most (actions/parameter)"},
		"snooze: [1h]":                                         {"1:9: the duration of snooze must be one value (actions/parameter) [write a duration such as 30m, 2h, 1d or 1w]"},
	} {
		t.Run(short(src, 40), func(t *testing.T) {
			_, spec, problems := parse(t, src)
			if !slices.Equal(problems, want) {
				t.Errorf("problems\n%s\nwant\n%s", strings.Join(problems, "\n"), strings.Join(want, "\n"))
			}
			if spec != nil && !strings.Contains(src, "txt") {
				t.Errorf("a spec in spite of problems: %#v", spec)
			}
		})
	}
}

func TestPlan_errors(t *testing.T) {
	facts := map[string]string{"empty": "", "blank": " \n", "long": strings.Repeat("y", maxBody)}
	for src, want := range map[string]string{
		"tag: '{{ empty }}'":            "came out empty",
		"tag: '{{ long }}'":             "longer than 255",
		"tag: '{{ unknown }}'":          "not known",
		"untag: '{{ blank }}'":          "came out empty",
		"assign: {team: '{{ blank }}'}": "the name of the team came out empty",
		"assign: {admin: '{{ nope }}'}": "not known",
		"reply: '{{ empty }}'":          "the text of reply came out empty",
		"reply: '<p>{{ blank }}</p>'":   "came out empty",
		"reply: '{{ nope }}'":           "not known",
		"note: '{{ long }}!'":           "longer than 50000",
		"close: {reply: '{{ empty }}'}": "the reply of close came out empty",
	} {
		_, params, err := plan(t, src, facts)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want an error with %q", src, params, err, want)
		}
	}
	if _, _, err := plan(t, `reply: '<img src="https://example.test/a.png">'`, nil); err != nil {
		t.Errorf("a picture alone: %v", err)
	}
}

func TestPlan_other_subjects_are_refused(t *testing.T) {
	for _, src := range []string{"assign: nobody", "reply: Hi", "note: Hi", "close", "open", "snooze: 1h"} {
		_, spec, problems := parse(t, src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for subject, about := range map[string]string{"contact/abc": "a contact", "ticket/7": "a ticket", "admin/3": "an admin", "ping/": "a ping", "": "something else", "conversation/": "a conversation"} {
			_, err := spec.Plan(planOf(nil, subject))
			if err == nil || !strings.Contains(err.Error(), about) || intercom.ClassOf(err) != intercom.Permanent {
				t.Errorf("%s on %q: %v", src, subject, err)
			}
		}
	}
	for _, src := range []string{"ticket: {reply: Hi}", "ticket: {note: Hi}", "ticket: {state: Open}", "set: {ticket: {a: 1}}", "set: {title: x}", "tag: A", "untag: A", "ticket: {convert: {type: Bug}}"} {
		_, spec, problems := parse(t, src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, subject := range []string{"company/7", "admin/3", ""} {
			if _, err := spec.Plan(planOf(nil, subject)); err == nil || intercom.ClassOf(err) != intercom.Permanent {
				t.Errorf("%s on %q: %v", src, subject, err)
			}
		}
	}
}

func TestDescribe_survives_parameters_that_are_none(t *testing.T) {
	for _, name := range append(Names(), "teleport") {
		for _, params := range []string{"", "null", "[]", "7", `{"tags":7,"body":[],"until":"x","team":{}}`, "{"} {
			if got := Describe(name, []byte(params)); !strings.HasPrefix(got, name) {
				t.Errorf("Describe(%s, %s) = %q", name, params, got)
			}
		}
	}
}

func TestDescribe_tells_no_customer_text(t *testing.T) {
	for _, src := range []string{"reply: '{{ said }}'", "note: '{{ said }}'", "close: {reply: '{{ said }}'}"} {
		kind, params, err := plan(t, src, map[string]string{"said": "my secret"})
		if err != nil {
			t.Fatal(err)
		}
		if got := Describe(kind.Name(), params); strings.Contains(got, "secret") {
			t.Errorf("%s is described as %q", src, got)
		}
	}
}
