package rules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := json.Marshal(JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asEditor reads YAML as an editor does: dates are texts.
func asEditor(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.DocumentNode:
		return asEditor(t, n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = asEditor(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, asEditor(t, item))
		}
		return list
	}
	if n.Tag == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	return s.Validate(asEditor(t, &n))
}

// Every rules file of the repository that loads is valid.
func TestJSONSchema_files(t *testing.T) {
	files := []string{"../../rules.example.yaml"}
	for _, pattern := range []string{"../../examples/*/*.yaml", "testdata/*/*.yaml", "testdata/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	s, good := compiledSchema(t), 0
	for _, file := range files {
		if rs, _ := Load([]string{file}); rs == nil {
			continue
		}
		good++
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if good < 7 {
		t.Errorf("only %d files were looked at", good)
	}
}

func TestJSONSchema_mistakes(t *testing.T) {
	const fine = "version: 1\nrules:\n  - name: a\n    when: conversation.user.created\n    state: live\n    then:\n      - tag: VIP\n      - close\n"
	s := compiledSchema(t)
	if err := validate(t, s, []byte(fine)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"version: 1\n", ""},
		{"version: 1", "version: 2"},
		{"rules:", "rulse:"},
		{"state: live", "state: alive"},
		{"state: live", "sate: live"},
		{"state: live", "after: 5 minutes"},
		{"state: live", "cooldown: { for: 1h, each: contact }"},
		{"state: live", "stop: maybe"},
		{"tag: VIP", "tga: VIP"},
		{"tag: VIP", "tag: { nmae: VIP }"},
		{"tag: VIP", "assign: { team: X, pick: random }"},
		{"- close", "- reply"},
		{"- close", "- clsoe"},
		{"conversation.user.created", "Conversation created"},
		{"    when: conversation.user.created\n", ""},
	} {
		text := strings.Replace(fine, change[0], change[1], 1)
		if validate(t, s, []byte(text)) == nil {
			t.Errorf("accepted:\n%s", text)
		}
	}
}

// The keys of the schema are those that the loader says it knows.
func TestJSONSchema_keys(t *testing.T) {
	doc := JSONSchema().(jsonObject)
	within := func(o jsonObject, key string) jsonObject { return o["properties"].(jsonObject)[key].(jsonObject) }
	each := func(key string) any { return within(jsonSettings(), key)["additionalProperties"] }
	second := func(key string) any { return within(jsonRule(), key)["anyOf"].([]any)[1] }
	for name, c := range map[string]struct {
		text   string
		schema any
	}{
		"file":     {"version: 1\nqqqqqqqqqqqq: 1\n", doc},
		"settings": {"version: 1\nsettings: { qqqqqqqqqqqq: 1 }\n", jsonSettings()},
		"rule":     {"version: 1\nrules: [{ qqqqqqqqqqqq: 1 }]\n", jsonRule()},
		"calendar": {"version: 1\nsettings: { calendars: { a: { qqqqqqqqqqqq: 1 } } }\n", each("calendars")},
		"counter":  {"version: 1\nsettings: { counters: { a: { qqqqqqqqqqqq: 1 } } }\n", each("counters")},
		"every":    {"version: 1\nrules: [{ every: { qqqqqqqqqqqq: 1 } }]\n", second("every")},
		"cooldown": {"version: 1\nrules: [{ cooldown: { qqqqqqqqqqqq: 1 } }]\n", second("cooldown")},
		"limit":    {"version: 1\nrules: [{ limit: { qqqqqqqqqqqq: 1 } }]\n", within(jsonRule(), "limit")},
		"if_late":  {"version: 1\nrules: [{ after: 5m, if_late: { qqqqqqqqqqqq: 1 } }]\n", second("if_late")},
	} {
		_, problems := Parse([]Source{{Name: "a.yaml", Text: []byte(c.text)}})
		var known []string
		for _, p := range problems {
			if list, ok := strings.CutPrefix(p.Hint, "known keys: "); ok {
				known = strings.Split(list, ", ")
			}
		}
		if got := sortedNames(c.schema.(jsonObject)["properties"].(jsonObject)); !slices.Equal(got, known) {
			t.Errorf("%s: the schema has\n%v\nthe loader\n%v", name, got, known)
		}
	}
}

// The keys of each action in the schema are those that its reader knows.
func TestJSONSchema_actions(t *testing.T) {
	kinds, _ := actions.JSONSchema()
	if got := sortedNames(kinds); !slices.Equal(got, slices.Sorted(slices.Values(actions.Names()))) {
		t.Errorf("the schema has the kinds %v", got)
	}
	looked := 0
	var look func(path []string, schema any)
	look = func(path []string, schema any) {
		o, _ := schema.(jsonObject)
		forms, _ := o["anyOf"].([]any)
		for _, form := range forms {
			look(path, form)
		}
		properties, _ := o["properties"].(jsonObject)
		if properties == nil {
			return
		}
		text := "{ qqqqqqqqqqqq: 1 }"
		for _, key := range slices.Backward(path) {
			text = "{ " + key + ": " + text + " }"
		}
		_, problems := Parse([]Source{{Name: "a.yaml", Text: []byte("version: 1\nrules: [{ name: a, when: conversation.user.created, then: [" + text + "] }]\n")}})
		var known []string
		for _, p := range problems {
			if list, ok := strings.CutPrefix(p.Hint, "known keys: "); ok {
				known = strings.Split(list, ", ")
			}
		}
		if got := sortedNames(properties); !slices.Equal(got, known) {
			t.Errorf("%v: the schema has\n%v\nthe reader\n%v", path, got, known)
		}
		looked++
		for key, inner := range properties {
			look(append(slices.Clone(path), key), inner)
		}
	}
	for name, kind := range kinds {
		look([]string{name}, kind)
	}
	if looked < 15 {
		t.Errorf("only %d mappings were looked at", looked)
	}
}
