package rules

import (
	"errors"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
)

// template is a text with expressions between {{ and }}. A literal {{ is written {{ "{{" }}.
type template struct {
	source string
	html   bool // values are escaped
	pieces []piece
}

// piece is literal text, or an expression.
type piece struct {
	literal string
	source  string // of the expression
	value   fn
	at      site
}

var _ actions.Text = (*template)(nil)

// Source is the text as written.
func (t *template) Source() string { return t.source }

// Constant returns the text when it holds no expression.
func (t *template) Constant() (string, bool) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.value != nil {
			return "", false
		}
		b.WriteString(p.literal)
	}
	return b.String(), true
}

// maxRendered bounds a rendered text, in bytes.
const maxRendered = 1 << 20

// Render fills in the expressions. f is the evaluation that Evaluate handed to Plan.
func (t *template) Render(f actions.Facts) (string, error) {
	e, ok := f.(*evaluation)
	if !ok {
		return "", errors.New("the facts come from somewhere else")
	}
	var b strings.Builder
	err := guard(func() {
		e.scopes = e.scopes[:0]
		for _, p := range t.pieces {
			if p.value == nil {
				b.WriteString(p.literal)
				continue
			}
			s, err := display(p.value(e))
			if err != nil {
				fail(p.at, "%v", err)
			}
			if t.html {
				s = html.EscapeString(s)
			}
			if b.Len()+len(s) > maxRendered {
				fail(p.at, "the text grows too long")
			}
			b.WriteString(s)
		}
	})
	if err != nil {
		return "", err
	}
	return b.String(), nil
}

// Value is the value of the one expression that the text consists of, or else the text.
func (t *template) Value(f actions.Facts) (any, error) {
	e, ok := f.(*evaluation)
	if !ok || len(t.pieces) != 1 || t.pieces[0].value == nil {
		return t.Render(f)
	}
	var v any
	err := guard(func() {
		e.scopes = e.scopes[:0]
		v = t.pieces[0].value(e)
	})
	return v, err
}

// display is a value as people read it. Nothing is an empty text.
func display(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return displayFloat(v), nil
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04 UTC"), nil
	case time.Duration:
		return displayDuration(v), nil
	case []any:
		return displayList(v)
	}
	return "", fmt.Errorf("%s cannot be shown as text", kindOf(v))
}

// displayFloat rounds to what people read: the minutes since an event are no measurement.
func displayFloat(f float64) string {
	if math.Abs(f) < 1e15 {
		f = math.Round(f*100) / 100
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// displayDuration is a duration to the second, or to the minute from an hour on.
func displayDuration(d time.Duration) string {
	unit := time.Second
	if d.Abs() >= time.Hour {
		unit = time.Minute
	}
	s := d.Round(unit).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func displayList(list []any) (string, error) {
	texts := make([]string, 0, len(list))
	total := 0
	for _, v := range list {
		switch v.(type) {
		case []any, object:
			return "", errors.New("a list of lists or objects cannot be shown as text")
		}
		s, err := display(v)
		if err != nil {
			return "", err
		}
		if total += len(s) + 2; total > maxRendered {
			return "", errors.New("the text grows too long")
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, ", "), nil
}

const (
	// maxTemplate bounds the text of a template, in bytes.
	maxTemplate = 100_000
	// maxExpressions bounds the expressions in one template.
	maxExpressions = 200
)

// template compiles a text; nil when there were problems, which are reported. locate gives
// the place of its characters.
func (p *loader) template(source string, escape bool, locate func(from, to int) span) *template {
	t := &template{source: source, html: escape}
	whole := func() span { return locate(0, max(1, utf8.RuneCountInString(source))) }
	if len(source) > maxTemplate {
		p.reportAt(whole(), diag.Error, "rules/too-large", "", "the text is longer than %d characters", maxTemplate)
		return nil
	}
	ok := true
	rest, offset := source, 0 // offset counts the characters before rest
	for rest != "" {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			t.pieces = append(t.pieces, piece{literal: before})
		}
		if !found {
			break
		}
		offset += utf8.RuneCountInString(before) + 2
		length := expressionEnd(after)
		if length < 0 {
			p.reportAt(locate(offset-2, offset), diag.Error, "rules/template",
				`close it with }}; a literal {{ is written {{ "{{" }}`, "{{ is not closed")
			return nil
		}
		if len(t.pieces) > 2*maxExpressions {
			p.reportAt(whole(), diag.Error, "rules/too-large", "", "the text has more than %d expressions", maxExpressions)
			return nil
		}
		start := offset
		x := &expression{p: p, source: after[:length], locate: func(from, to int) span {
			return locate(start+from, start+to)
		}}
		value, compiled := x.value()
		ok = ok && compiled
		at := x.locate(0, 1)
		t.pieces = append(t.pieces, piece{source: strings.TrimSpace(after[:length]), value: value, at: site{at.line, at.column}})
		offset += utf8.RuneCountInString(after[:length]) + 2
		rest = after[length+2:]
	}
	if !ok {
		return nil
	}
	return t
}

// expressionEnd returns where the }} that closes an expression begins, or -1. It knows the
// quotes and braces of expressions, so that {{ "}}" }} and {{ {a: {b: 1}} }} are whole.
func expressionEnd(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' && i+1 < len(s) && s[i+1] == '}':
			return i
		}
	}
	return -1
}
