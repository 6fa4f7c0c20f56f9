package recovery_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchboard/internal/event"
	"switchboard/internal/recovery"
)

var row = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| (yes|no) \\| (.+) \\|$")

// TestDocumentedTopics holds the table of docs/recovery.md against the code: it claims what is rebuilt,
// and says something about every topic there is.
func TestDocumentedTopics(t *testing.T) {
	text, err := os.ReadFile("../../docs/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	var claimed, patterns []string
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			name = strings.Trim(name, "`")
			patterns = append(patterns, name)
			if m[2] == "yes" {
				claimed = append(claimed, name)
			}
		}
	}
	slices.Sort(claimed)
	if !slices.Equal(claimed, recovery.Topics()) {
		t.Errorf("docs/recovery.md claims\n%q, rebuilt are\n%q", claimed, recovery.Topics())
	}
	for _, topic := range event.Topics() {
		if !slices.ContainsFunc(patterns, func(p string) bool {
			prefix, many := strings.CutSuffix(p, "*")
			return p == topic || many && strings.HasPrefix(topic, prefix)
		}) {
			t.Errorf("docs/recovery.md says nothing about %s", topic)
		}
	}
	for _, topic := range recovery.Topics() {
		if !event.KnownTopic(topic) {
			t.Errorf("nobody knows the topic %s", topic)
		}
	}
}
