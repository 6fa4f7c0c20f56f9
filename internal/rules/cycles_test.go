package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
)

// zoo are the rulesets of a folder of testdata/loops; one that is a folder is several files.
func zoo(t *testing.T, folder string) map[string][]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata/loops", folder))
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string][]string{}
	for _, entry := range entries {
		path := filepath.Join("testdata/loops", folder, entry.Name())
		switch {
		case entry.IsDir():
			files, _ := filepath.Glob(path + "/*.yaml")
			sets[entry.Name()] = files
		case strings.HasSuffix(path, ".yaml"):
			sets[strings.TrimSuffix(entry.Name(), ".yaml")] = []string{path}
		}
	}
	if len(sets) < 14 {
		t.Fatalf("only %d rulesets in %s", len(sets), folder)
	}
	return sets
}

func sources(t *testing.T, paths []string) (list []Source) {
	t.Helper()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Source{filepath.Base(path), text})
	}
	return list
}

// TestI9_loops_are_refused: every ruleset of the zoo feeds itself in its own way; beside it is what
// people get to read. UPDATE=1 writes that anew: read the difference.
func TestI9_loops_are_refused(t *testing.T) {
	for name, paths := range zoo(t, "refused") {
		t.Run(name, func(t *testing.T) {
			files := sources(t, paths)
			rs, problems := Parse(files)
			if rs != nil || len(problems) != 1 || problems[0].Code != "rules/loop" || problems[0].Severity != diag.Error {
				t.Fatalf("not refused as a loop:\n%s", drawn(t, problems))
			}
			got, golden := drawn(t, problems), filepath.Join("testdata/loops/refused", name+".txt")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, got, want)
			}
			if len(files) == 1 {
				checkPlaces(t, string(files[0].Text), problems)
			}
		})
	}
}

// TestI9_what_ends_is_accepted: rulesets that look like those of the zoo and end, each for the
// reason at its top. Their bound is a number.
func TestI9_what_ends_is_accepted(t *testing.T) {
	for name, paths := range zoo(t, "accepted") {
		t.Run(name, func(t *testing.T) {
			rs, problems := Parse(sources(t, paths))
			if rs == nil || len(problems) > 0 {
				t.Fatalf("refused:\n%s", drawn(t, problems))
			}
			if b := rs.Bound(""); b.Actions > 1000 || b.Events > 1000 {
				t.Errorf("the bound is %+v", b)
			}
		})
	}
}

// What the analysis holds for impossible must be: each of these conditions is asked under what an
// action leaves behind.
func TestForesight(t *testing.T) {
	known := foresight{
		"conversation.state":             {Known: true, Value: "closed"},
		"conversation.open":              {Known: true, Value: false},
		"conversation.team_assignee_id":  {Some: true},
		"conversation.admin_assignee_id": {Known: true},
		"conversation.tags/VIP":          {Known: true, Value: true},
		"conversation.tags/Old":          {Known: true, Value: false},
		"contact.custom_attributes.n":    {Known: true, Value: 5},
	}
	for source, want := range map[string]outlook{
		`conversation.state == "open"`:                               never,
		`conversation.state != "closed"`:                             never,
		`conversation.state == "closed"`:                             always,
		`conversation.state in ["open", "snoozed"]`:                  never,
		`conversation.state in ["open", conversation.title]`:         perhaps,
		`conversation.state not in ["open", "snoozed"]`:              always,
		`conversation.open`:                                          never,
		`not conversation.open`:                                      always,
		`conversation.open or conversation.read`:                     perhaps,
		`conversation.open and conversation.read`:                    never,
		`conversation.team_assignee_id == nil`:                       never,
		`conversation.team_assignee_id == "7"`:                       perhaps,
		`conversation.admin_assignee_id != nil`:                      never,
		`has_tag("vip")`:                                             always,
		`not has_tag("vip")`:                                         never,
		`has_tag("old")`:                                             never,
		`has_tag("old", "new")`:                                      perhaps,
		`has_tag("new", "vip")`:                                      always,
		`"VIP" not in conversation.tags`:                             never,
		`"vip" not in conversation.tags`:                             perhaps,
		`len(conversation.tags) == 0`:                                perhaps,
		`contact.custom_attributes.n < 5`:                            never,
		`contact.custom_attributes.n > 4`:                            always,
		`contact.custom_attributes.n == 5.0`:                         always,
		`contact.custom_attributes.n == "5"`:                         never,
		`contact.custom_attributes["n"] > 5`:                         never,
		`(contact.custom_attributes.n ?? 0) == 0`:                    never,
		`contact.custom_attributes.m != 5`:                           perhaps,
		`any(conversation.tags, # == "VIP") and not has_tag("VIP")`:  never,
		`conversation.read ? conversation.open : conversation.read`:  perhaps,
		`upper(conversation.state) == "OPEN"`:                        perhaps,
		`conversation.admin_assignee_id == "7" || conversation.open`: never,
		`!(conversation.state == "closed") && contact.name == "Ada"`: never,
	} {
		rs := mustParse(t, header+ruleText("r", "if: '"+source+"'"))
		if got := rs.rules[0].condition.under(known); got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
}

// What an action changes to something else is not known any more, and what it sets to the same is.
func TestForesight_doubt(t *testing.T) {
	closed := actions.Fact{Path: "conversation.state", Known: true, Value: "closed"}
	vip := actions.Fact{Path: "conversation.tags/VIP", Known: true, Value: true}
	for name, tt := range map[string]struct {
		other actions.Fact
		left  int
	}{
		"the same":          {closed, 2},
		"another value":     {actions.Fact{Path: "conversation.state", Known: true, Value: "open"}, 1},
		"anything":          {actions.Fact{Path: "conversation.state"}, 1},
		"the tag off":       {actions.Fact{Path: "conversation.tags/vip", Known: true}, 1},
		"tags not known":    {actions.Fact{Path: "conversation.tags"}, 1},
		"something else":    {actions.Fact{Path: "conversation.title"}, 2},
		"the tag once more": {vip, 2},
	} {
		f := foresight{}
		f.see([]actions.Fact{closed, vip})
		f.doubt([]actions.Fact{tt.other})
		if len(f) != tt.left {
			t.Errorf("%s: %v is left", name, f)
		}
	}
}

// Thousands of rules that all hear each other are refused in a moment.
func TestI9_too_many_feeds(t *testing.T) {
	text := "version: 1\nrules:\n"
	for i := range 5000 {
		text += fmt.Sprintf("- {name: r%d, when: '*', from: any, then: [close]}\n", i)
	}
	start := time.Now()
	rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
	if rs != nil || len(problems) != 1 || problems[0].Code != "rules/too-large" {
		t.Errorf("%d problems", len(problems))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
