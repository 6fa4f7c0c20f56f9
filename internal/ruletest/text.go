package ruletest

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// WriteResult writes for people what came of a test that failed.
func WriteResult(w io.Writer, r Result) error {
	out := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(out, "FAIL %s:%d: %s\n", r.File, r.Line, r.Name)
	for _, f := range r.Failures {
		writeFailure(out, r, f)
	}
	return out.Flush() // tells the first error
}

func writeFailure(out io.Writer, r Result, f Failure) {
	place := ""
	if f.Line != r.Line {
		place = fmt.Sprintf(" (line %d)", f.Line)
	}
	_, _ = fmt.Fprintf(out, "  %s%s\n", f.Message, place)
	for _, line := range f.Diff {
		_, _ = fmt.Fprintf(out, "    %s\n", line)
	}
	if f.Why == "" {
		return
	}
	_, _ = fmt.Fprintln(out, "  why:")
	for line := range strings.Lines(f.Why) {
		_, _ = fmt.Fprintf(out, "    %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// WriteCoverage writes for people what tests have seen of rules, and names what they have not.
func WriteCoverage(w io.Writer, list []*Coverage) error {
	out := bufio.NewWriter(w)
	for _, c := range list {
		if len(c.Rules) == 0 {
			continue
		}
		rules, ran, clauses, covered := c.Counts()
		_, _ = fmt.Fprintf(out, "coverage of %s: %s ran, %s seen true and false\n",
			c.Rules[0].File, share(ran, rules, "rule"), share(covered, clauses, "clause"))
		for _, r := range c.Rules {
			if r.Ran == 0 {
				_, _ = fmt.Fprintf(out, "  %s:%d: %s never ran\n", r.File, r.Line, r.Rule)
			}
			for _, cl := range r.Clauses {
				if lacks := cl.lacks(); lacks != "" {
					_, _ = fmt.Fprintf(out, "  %s:%d: %s, %s: %s was %s\n", r.File, r.Line, r.Rule, cl.At, cl.Text, lacks)
				}
			}
		}
	}
	return out.Flush()
}

// lacks says what was not seen of a clause; empty when it is covered.
func (c *ClauseCoverage) lacks() string {
	switch {
	case c.Covered():
		return ""
	case c.True > 0:
		return "never false"
	case c.False > 0:
		return "never true"
	}
	return "never reached"
}

func share(have, of int, word string) string {
	if of == 0 {
		return "0 of 0 " + word + "s"
	}
	return fmt.Sprintf("%d of %d %ss (%d %%)", have, of, word, 100*have/of)
}

// junitSuites is the form in which CI systems read results.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the results in the XML that JUnit made common: a suite for each file.
func WriteJUnit(w io.Writer, r *Report) error {
	all := junitSuites{Tests: len(r.Results), Failures: r.Failed()}
	var took float64
	for _, result := range r.Results {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != result.File {
			all.Suites, took = append(all.Suites, junitSuite{Name: result.File}), 0
		}
		s := &all.Suites[len(all.Suites)-1]
		c := junitCase{Class: result.File, Name: result.Name, File: result.File, Line: result.Line, Time: seconds(result.Took.Seconds())}
		if !result.Passed() {
			s.Failures++
			var text strings.Builder
			for _, f := range result.Failures {
				writeFailure(&text, result, f)
			}
			c.Failure = &junitFailure{Message: result.Failures[0].Message, Text: text.String()}
		}
		s.Tests++
		took += result.Took.Seconds()
		s.Time = seconds(took)
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
