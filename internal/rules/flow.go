package rules

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
)

// What a rule may run once for, or cool down for.
const (
	perConversation = "conversation"
	perContact      = "contact"
)

// cooldown is how long a rule is held back for a conversation or contact after it ran for it.
// No cooldown has no length.
type cooldown struct {
	length  time.Duration
	written string
	per     string
}

// String is the cooldown in a few words; empty for none.
func (c cooldown) String() string {
	if c.length == 0 {
		return ""
	}
	return c.written + " per " + c.per
}

// limit is how often a rule may run in a window. No limit has no runs.
type limit struct {
	runs    int
	per     time.Duration
	written string // per as the file has it
}

// String is the limit in a few words; empty for none.
func (l limit) String() string {
	if l.runs == 0 {
		return ""
	}
	return strconv.Itoa(l.runs) + " per " + l.written
}

// quota is kept as long as any limit can be, so that a limit that is made longer counts at
// once. That is one row for each rule.
func (l limit) quota() Quota {
	return Quota{Key: HeldByLimit, Runs: l.runs, Per: l.per, Keep: longestWindow}
}

// Bounds of what a rule may say.
const (
	longestWindow   = 366 * 24 * time.Hour
	longestWindowIs = "a year"
	mostRuns        = 1_000_000
)

// readCooldown reads `cooldown: 1h` or `cooldown: { for: 1h, per: contact }`.
func (p *loader) readCooldown(n *yaml.Node) cooldown {
	c := cooldown{per: perConversation}
	if n.Kind != yaml.MappingNode {
		c.length, c.written = p.readWindow(n, "the cooldown")
		return c
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"for": func(n *yaml.Node) { c.length, c.written = p.readWindow(n, "the cooldown") },
		"per": func(n *yaml.Node) {
			if per, ok := p.choice(n, perConversation, perContact); ok {
				c.per = per
			}
		},
	})
	if valueBehind(n, "for") == nil {
		p.missingKey(n, "the cooldown", "for")
	}
	return c
}

// readLimit reads `limit: { runs: 50, per: 1h }`.
func (p *loader) readLimit(n *yaml.Node) limit {
	var l limit
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a limit such as { runs: 50, per: 1h }")
		return l
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"runs": func(n *yaml.Node) { l.runs = p.readRuns(n) },
		"per":  func(n *yaml.Node) { l.per, l.written = p.readWindow(n, "the time of a limit") },
	})
	for _, name := range []string{"runs", "per"} {
		if valueBehind(n, name) == nil {
			p.missingKey(n, "the limit", name)
		}
	}
	return l
}

func (p *loader) readRuns(n *yaml.Node) int {
	runs, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil:
		p.wrongType(n, "a whole number of runs, such as 50")
		return 0
	case runs < 1 || runs > mostRuns:
		p.Problem(n, "rules/wrong-value", "", "the runs of a limit are 1 at least and %d at most", mostRuns)
		return 0
	}
	return runs
}

// readWindow reads a duration; it is 0 after a problem.
func (p *loader) readWindow(n *yaml.Node, what string) (length time.Duration, written string) {
	if n.Kind != yaml.ScalarNode || isEmpty(n) {
		p.wrongType(n, "a duration such as 30m, 2h, 1d or 1w")
		return 0, ""
	}
	written = strings.TrimSpace(n.Value)
	length, ok := actions.ParseDuration(strings.TrimPrefix(written, "-"))
	switch {
	case !ok:
		p.Problem(n, "rules/wrong-value", actions.DurationHint, "%q is not a duration", shorten(written))
		return 0, ""
	case length == 0 || strings.HasPrefix(written, "-"):
		p.Problem(n, "rules/wrong-value", "", "%s must be longer than nothing", what)
		return 0, ""
	case length > longestWindow:
		p.Problem(n, "rules/wrong-value", "", "%s may be %s at most", what, longestWindowIs)
		return 0, ""
	}
	return length, written
}
