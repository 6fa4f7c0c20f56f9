package ruletest

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"switchboard/internal/rules"
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
	if err := c.AddResource("tests.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tests.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid reads a file as an editor does and holds it against the schema.
func valid(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	reader, root := rules.NewReader(rules.Source{Name: "a.test.yaml", Text: []byte(text)})
	b, err := json.Marshal(reader.Value(root))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// Every file of tests of the repository is valid for editors, and says at its top where the schema is.
func TestJSONSchema_files(t *testing.T) {
	names, err := Find([]string{"../../rules.example.test.yaml", "../../examples"})
	if err != nil || len(names) < 1 {
		t.Fatal(names, err)
	}
	s := compiledSchema(t)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=") || !strings.Contains(string(text), "docs/tests.schema.json\n") {
			t.Errorf("%s does not begin with the line for editors", name)
		}
	}
}

func TestJSONSchema_mistakes(t *testing.T) {
	const fine = `
version: 1
rules: rules.yaml
given: { at: "10:00", contact: { name: Ada, custom_attributes: { plan: pro } } }
tests:
  - name: a
    events:
      - customer: Hello
      - { after: 5m, teammate: { note: seen } }
      - { at: "11:00", teammate: close }
      - { customer: { rates: 4 } }
      - { topic: contact.user.updated, contact: { phone: null } }
    expect:
      - { rule: x, after: 5m, then: [close, { tag: VIP }] }
  - { name: b, events: [], expect: nothing, until: 2h }
`
	s := compiledSchema(t)
	if err := valid(t, s, fine); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"version: 1", "version: 2"},
		{"tests:", "test:"},
		{"name: Ada", "nmae: Ada"},
		{"name: a", "nam: a"},
		{"customer: Hello", "custmer: Hello"},
		{"after: 5m, teammate", "after: five, teammate"},
		{"rates: 4", "rates: 6"},
		{"user.updated", "user.upated"},
		{"rule: x, ", ""},
		{"then:", "does:"},
		{"tag: VIP", "tga: VIP"},
		{"expect: nothing", "expect: all"},
		{"then: [close, { tag: VIP }]", "held_by: onec"},
		{"    events:\n", "    evnts:\n"},
	} {
		text := strings.Replace(fine, change[0], change[1], 1)
		if text == fine {
			t.Fatalf("%q is not there", change[0])
		}
		if valid(t, s, text) == nil {
			t.Errorf("%q instead of %q is not noticed", change[1], change[0])
		}
	}
}
