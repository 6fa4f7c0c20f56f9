package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ANSI sequences for terminals.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	reset  = "\x1b[0m"
)

// WriteText draws problems for people: the place and the message, below it the line, and
// carets under what is wrong, followed by the hint. Nothing that stands in a file can
// control the terminal. With color the text carries ANSI colours.
func WriteText(w io.Writer, problems []Problem, color bool) error {
	var b strings.Builder
	for _, p := range problems {
		drawProblem(&b, p, color)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func drawProblem(b *strings.Builder, p Problem, color bool) {
	paint := func(style, text string) string {
		if !color {
			return text
		}
		return style + text + reset
	}
	style := red
	if p.Severity == Warning {
		style = yellow
	}
	fmt.Fprintf(b, "%s %s %s (%s)\n", paint(bold, place(p)+":"),
		paint(style, string(p.Severity)+":"), printable(p.Message), printable(p.Code))
	hint := printable(p.Hint)
	if p.Line == 0 || p.Source == "" {
		if hint != "" {
			fmt.Fprintf(b, "      %s\n", hint)
		}
		return
	}
	number := strconv.Itoa(p.Line)
	width := max(5, len(number))
	line, indent, marked := drawLine(p.Source, p.Column, p.EndColumn)
	fmt.Fprintf(b, "%*s | %s\n", width, number, line)
	carets := paint(style, strings.Repeat("^", marked))
	if marked == 0 { // no column is known
		carets, indent = "", 0
	}
	if carets == "" && hint == "" {
		return
	}
	under := strings.TrimRight(strings.Repeat(" ", indent)+carets+" "+hint, " ")
	fmt.Fprintf(b, "%*s | %s\n", width, "", under)
}

// place is file:line:column, as far as it is known.
func place(p Problem) string {
	s := printable(cmp.Or(p.File, "-"))
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}

// WriteJSON writes one object with the keys "problems" and "silenced", lists that may be empty. Each
// problem has the page that explains it.
func WriteJSON(w io.Writer, problems []Problem, silenced []Silenced) error {
	type problem struct {
		Problem
		Page string `json:"page"`
	}
	type silence struct {
		problem
		Reason string `json:"reason"`
	}
	report := struct {
		Problems []problem `json:"problems"`
		Silenced []silence `json:"silenced"`
	}{[]problem{}, []silence{}}
	for _, p := range problems {
		report.Problems = append(report.Problems, problem{p, Page(p.Code)})
	}
	for _, s := range silenced {
		report.Silenced = append(report.Silenced, silence{problem{s.Problem, Page(s.Code)}, s.Reason})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

// WriteGitHub writes workflow commands, which GitHub shows as annotations at the place.
func WriteGitHub(w io.Writer, problems []Problem) error {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString("::")
		b.WriteString(string(p.Severity))
		b.WriteString(" file=")
		b.WriteString(escapeProperty(p.File))
		if p.Line > 0 {
			fmt.Fprintf(&b, ",line=%d", p.Line)
			if p.Column > 0 {
				fmt.Fprintf(&b, ",col=%d", p.Column)
			}
			if p.EndColumn > 0 {
				fmt.Fprintf(&b, ",endColumn=%d", p.EndColumn)
			}
		}
		b.WriteString(",title=")
		b.WriteString(escapeProperty(p.Code))
		b.WriteString("::")
		b.WriteString(escapeData(p.Message))
		if p.Hint != "" {
			b.WriteString(escapeData(" (" + p.Hint + ")"))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var (
	dataEscaper     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscaper = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escapeData(s string) string     { return dataEscaper.Replace(s) }
func escapeProperty(s string) string { return propertyEscaper.Replace(s) }
