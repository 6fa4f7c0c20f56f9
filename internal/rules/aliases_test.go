package rules

import (
	"fmt"
	"strings"
	"testing"
)

// TestParse_I8_aliases_are_refused_before_they_are_followed loads files in which an alias stands
// for itself, or for ten of the next, twelve levels deep: a reload of such a file must not end
// the service.
func TestParse_I8_aliases_are_refused_before_they_are_followed(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("      - http: {url: https://a.test, body: {x: &x0 [a, a]}}\n")
	for i := range 12 {
		fmt.Fprintf(&laughs, "      - http: {url: https://a.test, body: {x: &x%d [%s]}}\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 10), ", "))
	}
	for name, actions := range map[string]string{
		"itself": "      - http: {url: https://a.test, body: &a {x: *a}}\n",
		"laughs": laughs.String(),
	} {
		src := "version: 1\nrules:\n  - name: r\n    when: conversation.user.created\n    then:\n" + actions
		rs, problems := Parse([]Source{{"rules.yaml", []byte(src)}})
		if rs != nil || len(problems) == 0 {
			t.Errorf("%s: %v, %v; want errors", name, rs, problems)
		}
	}
}
