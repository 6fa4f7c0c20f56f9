package diag

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func noCode(string) (Code, bool) { return Code{}, false }

func sarif(t *testing.T, problems []Problem, lookup func(string) (Code, bool)) sarifLog {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSARIF(&b, "1.2.3", problems, lookup); err != nil {
		t.Fatal(err)
	}
	conforms(t, b.Bytes())
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

// conforms validates a log with those parts of the official schema of SARIF 2.1.0 that are used.
// Whatever else is in the log is not allowed.
func conforms(t *testing.T, log []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "sarif.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

func TestWriteSARIF(t *testing.T) {
	explained := Code{Name: "rules/a", Severity: Warning, Title: "t", About: "See [x](y.md).", Wrong: "w\n"}
	log := sarif(t, []Problem{
		sample,
		{File: "rules.yaml", Line: 2, Severity: Warning, Code: "rules/a", Message: "[click](http://elsewhere.test)"},
		{File: "rules.yaml", Severity: Error, Code: "rules/cannot-read", Message: "m"},
		{Severity: Error, Code: "rules/cannot-read", Message: "no file was given"},
	}, func(name string) (Code, bool) { return explained, name == explained.Name })

	run := log.Runs[0]
	rules := run.Tool.Driver.Rules
	if len(log.Runs) != 1 || log.Version != "2.1.0" || run.ColumnKind != "unicodeCodePoints" || run.Tool.Driver.Version != "1.2.3" || len(rules) != 3 || len(run.Results) != 4 {
		t.Fatalf("%+v", log)
	}
	for i, r := range run.Results {
		if rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %d has rule %s at index %d, which is %s", i, r.RuleID, r.RuleIndex, rules[r.RuleIndex].ID)
		}
	}
	if r := rules[0]; r.FullDescription.Text != "See x (docs/y.md)." || r.Configuration.Level != Warning || r.Properties.Page != "docs/check.md#rulesa" ||
		r.Help.Markdown != "**Warning:** t.\n\nSee x (docs/y.md).\n\nWrong:\n\n```yaml\nw\n```\n" || r.Help.Text != explained.Text() {
		t.Errorf("%+v", r)
	}
	first := run.Results[0]
	if at := first.Locations[0].Physical; first.Level != Error || first.Message.Text != `contact has no field "emial" (did you mean "email"?)` ||
		at.Artifact.URI != "rules.yaml" || *at.Region != (sarifRegion{14, 17, 22}) {
		t.Errorf("%+v", first)
	}
	if got := run.Results[1].Message.Text; got != `[click\](http://elsewhere.test)` {
		t.Errorf("a message has a link: %s", got)
	}
	if at := run.Results[1].Locations[0].Physical.Region; *at != (sarifRegion{StartLine: 2}) {
		t.Errorf("%+v", at)
	}
	if r := run.Results[2]; len(r.Locations) != 1 || r.Locations[0].Physical.Region != nil {
		t.Errorf("%+v", r)
	}
	if r := run.Results[3]; len(r.Locations) != 0 {
		t.Errorf("%+v", r)
	}
	if none := sarif(t, nil, noCode).Runs[0]; none.Results == nil || none.Tool.Driver.Rules == nil {
		t.Errorf("%+v", none)
	}
}

func TestFileURI(t *testing.T) {
	for path, want := range map[string]string{
		"rules.yaml": "rules.yaml", "./rules/a.yaml": "rules/a.yaml", "../rules.yaml": "../rules.yaml", "rules//a b#c?d%.yaml": "rules/a%20b%23c%3Fd%25.yaml",
		"/etc/rules é.yaml": "file:///etc/rules%20%C3%A9.yaml", "a:b.yaml": "./a:b.yaml",
	} {
		if got := fileURI(path); got != want {
			t.Errorf("fileURI(%q) = %s, want %s", path, got, want)
		}
	}
}
