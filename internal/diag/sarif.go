package diag

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of SARIF 2.1.0 that problems have.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
		FullDescription  sarifMessage `json:"fullDescription"`
		Help             sarifMessage `json:"help"`
		Configuration    struct {
			Level Severity `json:"level"`
		} `json:"defaultConfiguration"`
		Properties struct {
			Page string `json:"page"`
		} `json:"properties"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     Severity        `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifRegion `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

// WriteSARIF writes a log of SARIF 2.1.0 with one run of this version of switchboard. It explains the
// codes that occur, as lookup knows them.
func WriteSARIF(w io.Writer, version string, problems []Problem, lookup func(code string) (Code, bool)) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "switchboard", Version: version, Rules: []sarifRule{}}
	var names []string
	for _, p := range problems {
		names = append(names, p.Code)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		code, known := lookup(name)
		if !known {
			code = Code{Name: name, Title: name, About: name, Severity: Error}
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSarifRule(code))
	}
	for _, p := range problems {
		index, _ := slices.BinarySearch(names, p.Code)
		run.Results = append(run.Results, newSarifResult(p, index))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func newSarifRule(c Code) sarifRule {
	r := sarifRule{
		ID: c.Name, ShortDescription: sarifMessage{Text: c.Title},
		FullDescription: sarifMessage{Text: plainMarkdown(c.About)},
		Help:            sarifMessage{Text: c.Text(), Markdown: unlinked(c.Markdown())},
	}
	r.Configuration.Level = c.Severity
	r.Properties.Page = Page(c.Name)
	return r
}

// linkStart is what makes a link of a message; a name in a file must not.
var linkStart = strings.NewReplacer("](", `\](`)

func newSarifResult(p Problem, index int) sarifResult {
	text := p.Message
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	r := sarifResult{RuleID: p.Code, RuleIndex: index, Level: p.Severity, Message: sarifMessage{Text: linkStart.Replace(text)}}
	if p.File == "" {
		return r
	}
	var at sarifLocation
	at.Physical.Artifact.URI = fileURI(p.File)
	if p.Line > 0 {
		at.Physical.Region = &sarifRegion{p.Line, p.Column, p.EndColumn}
	}
	r.Locations = []sarifLocation{at}
	return r
}

// fileURI is a path as SARIF wants it: relative to where the program runs, or with the scheme file.
func fileURI(path string) string {
	slashed := filepath.ToSlash(filepath.Clean(path))
	if !filepath.IsAbs(path) {
		return (&url.URL{Path: slashed}).String()
	}
	if !strings.HasPrefix(slashed, "/") { // a drive
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}
