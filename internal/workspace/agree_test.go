package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
)

// What check says of a name, and what becomes of the action when it runs, are the same: for names as
// they are and misspelt, in any case, with space around them, and for ids and e-mail addresses.
func TestCheck_agrees_with_the_service(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	atDesk(t, nil, func(d *desk) {
		s := d.snapshot(t)
		env := &actions.Env{Client: d.client, Directory: intercom.NewDirectory(d.client, intercom.DirectoryOptions{})}
		found, refused := 0, 0
		for i := range 1500 {
			a := d.anAction(s, random)
			wrong := a.run(d, env)
			problems := Check(parse(t, ruleText(a.yaml(t))), s)
			if agree := (wrong == nil) == (len(problems) == 0); !agree {
				t.Errorf("seed %d, %d: %s\nthe service: %v\ncheck: %s", seed, i, a.yaml(t), wrong, told(problems))
			}
			_, ambiguous := errors.AsType[*intercom.AmbiguousError](wrong)
			if said := strings.Contains(told(problems), CodeAmbiguous); ambiguous != said {
				t.Errorf("seed %d, %d: %s\nthe service: %v\ncheck: %s", seed, i, a.yaml(t), wrong, told(problems))
			}
			if wrong == nil {
				found++
			} else {
				refused++
			}
		}
		if found < 200 || refused < 200 {
			t.Errorf("seed %d: %d fine, %d wrong: the draw is too one-sided to show anything", seed, found, refused)
		}
	})
}

// anAction is an action as the rules file and as the queue have it.
type anAction struct {
	kind   string
	file   any // what stands behind the kind
	params any
	lookup func(ctx context.Context, d *intercom.Directory) error // instead of doing it
}

func (a anAction) yaml(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{a.kind: a.file}) // which is YAML, too
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run does what the service does up to the first error.
func (a anAction) run(d *desk, env *actions.Env) error {
	ctx := context.Background()
	if a.lookup != nil {
		return a.lookup(ctx, env.Directory)
	}
	params, err := json.Marshal(a.params)
	if err != nil {
		return err
	}
	kind, _ := actions.Lookup(a.kind)
	_, err = kind.Do(ctx, env, actions.Call{Kind: a.kind, Subject: "conversation/1", Params: params})
	return err
}

// anAction draws one.
func (d *desk) anAction(s *Snapshot, r *rand.Rand) anAction {
	switch r.IntN(6) {
	case 0:
		var refs []string
		for _, a := range s.Admins {
			refs = append(refs, a.ID, a.Email, a.Name)
		}
		ref := altered(r, refs)
		return anAction{kind: "contact", file: object{"update": object{"owner": ref}}, params: object{"do": "update", "contact": d.contact, "fields": object{"owner": strings.TrimSpace(ref)}}}
	case 1:
		var refs []string
		for _, t := range s.Teams {
			refs = append(refs, t.ID, t.Name)
		}
		ref := altered(r, refs)
		return anAction{kind: "assign", file: object{"team": ref}, lookup: func(ctx context.Context, names *intercom.Directory) error {
			_, err := names.Team(ctx, ref)
			return err
		}}
	case 2:
		var refs []string
		for _, t := range s.Tags {
			refs = append(refs, t.ID, t.Name)
		}
		ref := altered(r, refs)
		return anAction{kind: "untag", file: ref, lookup: func(ctx context.Context, names *intercom.Directory) error {
			_, exists, err := names.TagIfExists(ctx, ref)
			if err == nil && !exists {
				err = errors.New("there is none")
			}
			return err
		}}
	case 3:
		var refs []string
		values := object{}
		for _, t := range s.TicketTypes {
			refs = append(refs, t.ID, t.Name)
			for _, a := range t.Attributes {
				if r.IntN(4) == 0 {
					values[altered(r, []string{a.Name})] = aValue(r, "High", "1")
				}
			}
		}
		ref := altered(r, refs)
		return anAction{
			kind: "ticket", file: object{"create": object{"type": ref, "attributes": values}},
			params: object{"do": "create", "type": ref, "contact": d.contact, "attributes": values},
		}
	}
	a := s.ContactAttributes[r.IntN(len(s.ContactAttributes))]
	name := altered(r, []string{a.Name, a.Path, a.Label})
	values := object{name: aValue(r, a.Options...)}
	return anAction{kind: "set", file: object{"contact": values}, params: object{"on": "contact", "contact": d.contact, "attributes": values}}
}

type object = map[string]any

// altered is one of the names, as it is, in another case, with space around it, or misspelt.
func altered(r *rand.Rand, names []string) string {
	name := names[r.IntN(len(names))]
	switch r.IntN(6) {
	case 0:
		name = strings.ToUpper(name)
	case 1:
		name = "  " + strings.ToLower(name) + " "
	case 2:
		name = name[:len(name)-1]
	case 3:
		name += "x"
	}
	if strings.TrimSpace(name) == "" {
		return "nobody at all"
	}
	return name
}

// aValue is of any type.
func aValue(r *rand.Rand, options ...string) any {
	values := []any{"some text", "17", "1.5", "true", "2026-12-24", 17, 1.5, 2000000.0, true, false, nil}
	for _, o := range options {
		values = append(values, o, strings.ToUpper(o), fmt.Sprint(o, "x"))
	}
	return values[r.IntN(len(values))]
}
