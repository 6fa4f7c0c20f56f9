package diag

import (
	"fmt"
	"regexp"
	"strings"
)

// Code is a kind of problem, as the documentation explains it. Those that there are stand in
// package codes.
type Code struct {
	Name     string   `json:"code"` // such as "rules/loop"
	Severity Severity `json:"severity"`
	// Varies is set when it is an error in some places and a warning, which can be silenced, in others.
	Varies bool `json:"varies,omitempty"`
	// Title says in a few words what is wrong.
	Title string `json:"title"`
	// About is the explanation, in Markdown. Links are relative to docs.
	About string `json:"about"`
	// Wrong is a part of a file that has the problem, and Right the same without it. Both are empty
	// where a few lines cannot show it.
	Wrong string `json:"wrong,omitempty"`
	Right string `json:"right,omitempty"`
	// Online is set when only check --online can find the problem.
	Online bool `json:"online,omitempty"`
}

// Page is where the documentation explains a code: a path in the repository, with the heading.
func Page(code string) string {
	return "docs/check.md#" + strings.ReplaceAll(code, "/", "")
}

// Severities says how severe the problem is, for people.
func (c Code) Severities() string {
	if c.Varies {
		return "error or warning"
	}
	return string(c.Severity)
}

// Markdown is the explanation with the examples.
func (c Code) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s:** %s.\n\n%s\n", capital(c.Severities()), c.Title, c.About)
	for _, example := range c.examples() {
		fmt.Fprintf(&b, "\n%s:\n\n```yaml\n%s```\n", example[0], example[1])
	}
	return b.String()
}

// Text is the explanation with the examples, for a terminal.
func (c Code) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", c.Name, c.Severities(), c.Title, plainMarkdown(c.About))
	for _, example := range c.examples() {
		fmt.Fprintf(&b, "\n%s:\n\n", example[0])
		for line := range strings.Lines(example[1]) {
			b.WriteString("    " + line)
		}
	}
	return b.String()
}

func (c Code) examples() (list [][2]string) {
	if c.Wrong != "" {
		list = append(list, [2]string{"Wrong", c.Wrong})
	}
	if c.Right != "" {
		list = append(list, [2]string{"Right", c.Right})
	}
	return list
}

var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// plainMarkdown is a paragraph of Markdown for a terminal.
func plainMarkdown(text string) string { return strings.ReplaceAll(unlinked(text), "`", "") }

// unlinked is Markdown for where its links lead nowhere: instead, the page stands behind the words.
func unlinked(text string) string {
	return markdownLink.ReplaceAllStringFunc(text, func(link string) string {
		m := markdownLink.FindStringSubmatch(link)
		if m[1] == m[2] {
			return "docs/" + m[2]
		}
		return m[1] + " (docs/" + m[2] + ")"
	})
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// Silenced is a warning that a comment silences.
type Silenced struct {
	Problem
	// Reason is why, in the words of the comment.
	Reason string
}
