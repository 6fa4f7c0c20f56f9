package diag

import "testing"

func TestCode(t *testing.T) {
	code := Code{
		Name: "rules/x-y", Severity: Warning, Title: "something is wrong", About: "Say `why`. See [timers](rules.md#timers) and [rules.md](rules.md).",
		Wrong: "a: 1\nb: 2\n", Right: "a: 2\n",
	}
	for name, tt := range map[string][2]string{
		"text": {code.Text(), `rules/x-y (warning): something is wrong

Say why. See timers (docs/rules.md#timers) and docs/rules.md.

Wrong:

    a: 1
    b: 2

Right:

    a: 2
`},
		"Markdown": {code.Markdown(), "**Warning:** something is wrong.\n\nSay `why`. See [timers](rules.md#timers) and [rules.md](rules.md).\n\n" +
			"Wrong:\n\n```yaml\na: 1\nb: 2\n```\n\nRight:\n\n```yaml\na: 2\n```\n"},
		"without examples": {Code{Name: "x", Severity: Error, Title: "y", About: "Z."}.Text(), "x (error): y\n\nZ.\n"},
		"page":             {Page("rules/x-y"), "docs/check.md#rulesx-y"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("%s: got\n%s\nwant\n%s", name, tt[0], tt[1])
		}
	}
}
