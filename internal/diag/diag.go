// Package diag holds problems with a place: what is wrong in a file that a person wrote,
// where it stands, and what would be right. Every problem can be shown as text with the
// line and a caret, as JSON, as an annotation of a GitHub workflow, and as SARIF.
package diag

import (
	"cmp"
	"slices"
)

// Severity tells whether a problem forbids the use of the file.
type Severity string

// The severities: a file with an error cannot be used, one with warnings can.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing that is wrong in a file.
type Problem struct {
	// File is the name as the user gave it.
	File string `json:"file"`
	// Line and Column count from 1; Column counts characters, not bytes. Line 0 means the
	// file as a whole, for instance when it cannot be read.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// EndColumn is the first column behind the place, on the same line; 0 when unknown.
	EndColumn int      `json:"end_column,omitempty"`
	Severity  Severity `json:"severity"`
	// Code names the kind of problem, such as "rules/unknown-field".
	Code string `json:"code"`
	// Message says what is wrong, in one line, without a full stop.
	Message string `json:"message"`
	// Hint says what would be right, such as `did you mean "email"?`; may be empty.
	Hint string `json:"hint,omitempty"`
	// Source is the whole line the problem is on, for showing it; may be empty.
	Source string `json:"source,omitempty"`
}

// HasErrors tells whether any of the problems is an error.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// Sort orders problems by file, then by place; it keeps the order of those at one place.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
