package rules

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchboard/internal/diag"
)

// studiesOf are those of a ruleset, with what check finds dead, and what it says.
func studiesOf(rs *Ruleset) (list []*study, problems []diag.Problem) {
	p := &loader{rules: rs.rules}
	list = p.studied()
	p.findDead(list)
	p.findShadowed(list)
	return list, p.problems
}

// usualWorld are the values of the small world that are known to occur.
func usualWorld() []smallFact {
	list := slices.Clone(smallWorld)
	for i, f := range list {
		switch f.path {
		case "contact.role":
			list[i].values = []any{nil, "user", "lead"}
		case "tags":
			list[i].values = slices.DeleteFunc(slices.Clone(f.values), func(v any) bool {
				folded := map[string]int{}
				for _, name := range v.(spellings) {
					folded[fold(name)]++
				}
				return folded["vip"] > 1
			})
		}
	}
	return list
}

// TestContradictions_small_world holds the pairs that check reports against what happens: from what it says of
// the event an event is made, and both rules run on it. Pairs that are not reported run together on no
// event of a small world.
func TestContradictions_small_world(t *testing.T) {
	const rounds = 200
	random := rand.New(rand.NewPCG(28, 2))
	world, inputs := usualWorld(), map[string][]Input{}
	reported, silent := 0, 0
	for range rounds {
		var facts []smallFact
		for len(facts) == 0 || len(facts) < 3 && random.IntN(3) > 0 {
			facts = append(facts, world[random.IntN(len(world))])
		}
		slices.SortFunc(facts, func(a, b smallFact) int { return strings.Compare(a.path, b.path) })
		facts = slices.CompactFunc(facts, func(a, b smallFact) bool { return a.path == b.path })
		stop := ""
		if random.IntN(4) == 0 {
			stop = smallRule(random, "stops", facts, "    then: [{tag: Z}]\n    stop: true\n")
		}
		text := smallHeader + stop + smallRule(random, "first", facts, "    then: [{assign: {team: A}}]\n") +
			smallRule(random, "second", facts, "    then: [{assign: {team: B}}]\n")
		rs := mustParseAny(t, text)
		studies, _ := studiesOf(rs)
		found := contradictions(studies)
		for _, c := range found {
			reported++
			in := inputWith(t, c.topic, c.from, c.witness)
			d, err := rs.Evaluate(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range []string{c.with.name, c.of.name} {
				if !slices.ContainsFunc(d.Rules, func(o Outcome) bool { return o.Rule == rule && o.Verdict == Ran }) {
					t.Errorf("%s does not run on %v: %+v\n%s\n%s", rule, c.witness, d.Rules, in.Event.Payload, text)
				}
			}
		}
		var asked []inquiry
		for _, st := range studies {
			asked = append(asked, st.asks().list...)
		}
		if len(found) == 0 && independent(asked, false) {
			silent++
			for _, in := range smallInputs(t, facts, inputs) {
				d, err := rs.Evaluate(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				ran := map[string]bool{}
				for _, o := range d.Rules {
					ran[o.Rule] = o.Verdict == Ran
				}
				if ran["first"] && ran["second"] {
					t.Errorf("both run, and nothing says so:\n%s\n%s", in.Event.Payload, text)
					break
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d pairs reported, %d not", reported, silent)
	if reported < 40 || silent < 40 {
		t.Error("the test shows little")
	}
}

// TestFindings_silent: rules that look like those that are reported, and are not, each for the reason at
// its top. Nothing is said of them.
func TestFindings_silent(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, one := range strings.Split(string(text), "\n---\n") {
			rs, problems := Parse([]Source{{filepath.Base(file), []byte(one)}})
			if rs == nil || len(serious(problems)) > 0 {
				t.Errorf("%s, part %d:\n%s", file, i+1, drawn(t, problems))
			}
		}
	}
}

// The events that the examples of contradictions name are such that both rules run on them.
func TestContradictions_examples(t *testing.T) {
	text, err := os.ReadFile("testdata/problems/contradictions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rs := mustParseAny(t, string(text))
	studies, _ := studiesOf(rs)
	made := 0
	for _, c := range contradictions(studies) {
		if strings.HasPrefix(c.topic, "ticket.") || c.with.name == "tags" { // nothing here makes tickets or messages
			continue
		}
		made++
		d, err := rs.Evaluate(t.Context(), inputWith(t, c.topic, c.from, c.witness))
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []string{c.with.name, c.of.name} {
			if o := outcome(t, d, rule); o.Verdict != Ran {
				t.Errorf("%s does not run on %s with %v: %s", rule, c.topic, c.witness, o.Reason)
			}
		}
	}
	if made < 4 {
		t.Errorf("only %d events were made", made)
	}
}
