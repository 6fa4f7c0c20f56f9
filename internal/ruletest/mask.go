package ruletest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"switchboard/internal/rules"
)

// Mask replaces what a record tells of people by what tells nothing: names, addresses, words, values of
// attributes. What the rules need to decide as they did is left, and named: words that a condition looks for,
// the value that an attribute is compared with. The record itself is not changed.
func Mask(ctx context.Context, rs *rules.Ruleset, r *rules.Record) (masked *rules.Record, kept []string, err error) {
	m := masker{ruleset: rs, values: map[string]string{}, numbers: map[string]bool{}}
	if err := m.read(r); err != nil {
		return nil, nil, err
	}
	want, err := m.outcome(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Most records can be masked as a whole; else one value at a time.
	for _, v := range m.found {
		m.values[v] = m.mask(v)
	}
	for name := range m.numbers {
		m.numbers[name] = true
	}
	if same, err := m.still(ctx, want); err != nil || !same {
		if err != nil {
			return nil, nil, err
		}
		if kept, err = m.oneByOne(ctx, want); err != nil {
			return nil, nil, err
		}
	}
	masked, err = m.asked(ctx)
	return masked, kept, err
}

// masker masks one record.
type masker struct {
	ruleset *rules.Ruleset
	of      *rules.Record
	payload any
	lookups map[string]any
	found   []string          // the texts that tell of people, each once
	values  map[string]string // what each of them is masked by; itself if it is not there
	numbers map[string]bool   // the names of attributes that are numbers: they are masked
	people  int
}

func (m *masker) read(r *rules.Record) (err error) {
	m.of, m.lookups = r, map[string]any{}
	if m.payload, err = decodeJSON(r.Payload); err != nil {
		return fmt.Errorf("the payload cannot be read: %w", err)
	}
	m.collect(m.payload, "", "")
	for _, key := range slices.Sorted(maps.Keys(r.Decision.Lookups)) {
		if m.lookups[key], err = decodeJSON(r.Decision.Lookups[key]); err != nil {
			return fmt.Errorf("the look-up %s cannot be read: %w", key, err)
		}
		m.collect(m.lookups[key], "", "")
	}
	return nil
}

func decodeJSON(text []byte) (v any, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // ids stay exact
	err = d.Decode(&v)
	return v, err
}

// told are the keys of texts that tell nothing of people.
var told = map[string]bool{
	"type": true, "id": true, "topic": true, "app_id": true, "workspace_id": true, "state": true, "part_type": true, "delivered_as": true,
	"role": true, "priority": true, "category": true, "internal_label": true, "external_label": true, "sla_name": true, "sla_status": true,
	"status": true, "content_type": true, "app_package_code": true, "event_name": true, "delivery_status": true, "rule": true, "subject_type": true,
	"previous_ticket_state": true, "ticket_state": true, "language_override": true, "browser_language": true, "browser": true, "os": true,
	"country": true, "country_code": true, "country_name": true, "calendar": true, "change": true, "clock": true, "part": true,
	"admin_assignee_id": true, "team_assignee_id": true, "contact_id": true, "conversation_id": true, "owner_id": true, "company_id": true,
}

// ownNames are the kinds of objects whose names are the workspace's own.
var ownNames = map[string]bool{"tag": true, "team": true, "ticket_type": true, "segment": true, "topic": true, "plan": true}

// telling tells whether a text under a key in an object of a kind tells of people.
func telling(key, kind, text string) bool {
	switch {
	case !hasWord(text):
		return false
	case kind == inAttributes: // whatever they are called
		return true
	case strings.Contains(text, "@"):
		return true
	case key == "id" || strings.HasSuffix(key, "_id"):
		return strings.ContainsAny(text, " \t\n")
	case strings.HasSuffix(key, "_at"):
		return !stamp.MatchString(text)
	case told[key], key == "name" && ownNames[kind]:
		return false
	}
	return true
}

// stamp is a time as Intercom writes it.
var stamp = regexp.MustCompile(`^[0-9TZ:.+\- ]+$`)

// tellingNumber tells whether a number under a key in an object of a kind tells of people.
func tellingNumber(key, kind string) bool {
	if kind == inAttributes {
		return true
	}
	for _, suffix := range []string{"id", "_at", "_since", "_until", "_count", "_attempts", "version", "rating", "seq", "pages", "page", "runs"} {
		if strings.HasSuffix(key, suffix) {
			return false
		}
	}
	return !strings.HasPrefix(key, "count_") && !strings.Contains(key, "time_to_") && !strings.HasPrefix(key, "total_") && key != "filesize"
}

func hasWord(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// inAttributes is the kind of the objects that hold custom attributes, and of those inside.
const inAttributes = "custom_attributes"

// kindOf is the kind of an object that stands under a key in an object of another kind.
func kindOf(o object, key, outer string) string {
	if isAttributes(key) || outer == inAttributes {
		return inAttributes
	}
	kind, _ := o["type"].(string)
	return kind
}

// collect finds the texts and the numbers that tell of people.
func (m *masker) collect(v any, key, kind string) {
	switch v := v.(type) {
	case string:
		if telling(key, kind, v) {
			m.find(v)
		}
	case json.Number:
		if tellingNumber(key, kind) {
			m.numbers[key] = false
		}
	case []any:
		for _, item := range v {
			m.collect(item, key, kind)
		}
	case object:
		inner := kindOf(v, key, kind)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if strings.Contains(name, "@") {
				m.find(name)
			}
			m.collect(v[name], name, inner)
		}
	}
}

func (m *masker) find(text string) {
	if !slices.Contains(m.found, text) {
		m.found = append(m.found, text)
	}
}

func isAttributes(key string) bool {
	return key == "custom_attributes" || key == "ticket_attributes" || key == "metadata"
}

var (
	emailText = regexp.MustCompile(`^[^@\s<>]+@([^@\s<>]+)$`)
	htmlTag   = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)([\s/][^<>]*)?>$`)
	entity    = regexp.MustCompile(`^&#?\w+;$`)
)

// htmlTags are the tags of texts in Intercom, which say nothing without their attributes.
var htmlTags = map[string]bool{
	"a": true, "b": true, "br": true, "blockquote": true, "code": true, "div": true, "em": true, "h1": true, "h2": true, "h3": true, "h4": true,
	"hr": true, "i": true, "img": true, "li": true, "ol": true, "p": true, "pre": true, "s": true, "span": true, "strong": true, "table": true,
	"tbody": true, "td": true, "th": true, "thead": true, "tr": true, "u": true, "ul": true, "iframe": true,
}

// markup is what is left of a tag or an entity of HTML; ok is false for what is none.
func markup(token string) (left string, ok bool) {
	if tag := htmlTag.FindStringSubmatch(token); tag != nil && htmlTags[strings.ToLower(tag[2])] {
		return "<" + tag[1] + tag[2] + ">", true
	}
	if entity.MatchString(token) && html.UnescapeString(token) != token {
		return token, true
	}
	return "", false
}

// mask is what a text is masked by: an address by an address, words by words of the same length.
func (m *masker) mask(text string) string {
	if emailText.MatchString(text) {
		m.people++
		return "person" + strconv.Itoa(m.people) + "@example.com"
	}
	return blank(text, nil)
}

// blank replaces letters by x and digits by 0, and takes the attributes off tags, except in the words that are
// kept.
func blank(text string, keep map[int]bool) string {
	var b strings.Builder
	for i, token := range tokens(text) {
		if keep[i] {
			b.WriteString(token)
			continue
		}
		if left, ok := markup(token); ok {
			b.WriteString(left)
			continue
		}
		for _, r := range token {
			switch {
			case unicode.IsUpper(r):
				r = 'X'
			case unicode.IsLetter(r):
				r = 'x'
			case unicode.IsDigit(r):
				r = '0'
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

var token = regexp.MustCompile(`<[^<>]*>|&#?\w+;|[\p{L}\p{N}]+|[^\p{L}\p{N}<&]+|[<&]`)

// tokens splits a text into tags, entities, words and what stands between them.
func tokens(text string) []string { return token.FindAllString(text, -1) }

// mostWords bounds how many words of a text are tried one by one; the rest is masked or kept as a whole.
const mostWords = 400

// oneByOne masks value after value as far as the outcome stays.
func (m *masker) oneByOne(ctx context.Context, want string) (kept []string, err error) {
	masks := m.values
	m.values = map[string]string{}
	for name := range m.numbers {
		m.numbers[name] = false
	}
	for _, text := range m.found {
		m.values[text] = masks[text]
		same, err := m.still(ctx, want)
		if err != nil {
			return nil, err
		}
		if same {
			continue
		}
		words, err := m.least(ctx, want, text)
		if err != nil {
			return nil, err
		}
		kept = append(kept, words)
	}
	for _, name := range slices.Sorted(maps.Keys(m.numbers)) {
		m.numbers[name] = true
		same, err := m.still(ctx, want)
		if err != nil {
			return nil, err
		}
		if !same {
			m.numbers[name] = false
			kept = append(kept, "the number "+name)
		}
	}
	return kept, nil
}

// least masks as much of a text as it can, and returns what is left of it.
func (m *masker) least(ctx context.Context, want, text string) (string, error) {
	if address := emailText.FindStringSubmatch(text); address != nil {
		m.people++
		m.values[text] = "person" + strconv.Itoa(m.people) + "@" + address[1]
		if same, err := m.still(ctx, want); err != nil || same {
			return "the domain " + address[1], err
		}
	}
	all := tokens(text)
	keep := map[int]bool{}
	for i := range all {
		keep[i] = true
	}
	m.values[text] = text
	if len(all) > mostWords {
		for i := mostWords; i < len(all); i++ {
			keep[i] = false
		}
		m.values[text] = blank(text, keep)
		same, err := m.still(ctx, want)
		if err != nil {
			return "", err
		}
		for i := mostWords; i < len(all) && !same; i++ {
			keep[i] = true
		}
	}
	for i, word := range all {
		if i >= mostWords {
			break
		}
		if masked := blank(word, nil); masked == word {
			continue
		}
		keep[i] = false
		m.values[text] = blank(text, keep)
		same, err := m.still(ctx, want)
		if err != nil {
			return "", err
		}
		if !same {
			keep[i] = true
		}
	}
	m.values[text] = blank(text, keep)
	var left []string
	for i, word := range all {
		if keep[i] && blank(word, nil) != word {
			left = append(left, word)
		}
	}
	return strconv.Quote(strings.Join(left, " ")), nil
}

// apply is a value with its texts and numbers masked.
func (m *masker) apply(v any, key, kind string) any {
	switch v := v.(type) {
	case string:
		if masked, ok := m.values[v]; ok && telling(key, kind, v) {
			return masked
		}
	case json.Number:
		if m.numbers[key] && tellingNumber(key, kind) {
			return json.Number("0")
		}
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = m.apply(item, key, kind)
		}
		return list
	case object:
		inner := kindOf(v, key, kind)
		out := make(object, len(v))
		for name, value := range v {
			value = m.apply(value, name, inner)
			if masked, ok := m.values[name]; ok && strings.Contains(name, "@") {
				name = masked
			}
			out[name] = value
		}
		return out
	}
	return v
}

// record is the record as it is masked by now.
func (m *masker) record() *rules.Record {
	out, d := *m.of, *m.of.Decision
	out.Payload = encode(m.apply(m.payload, "", ""))
	d.Lookups, d.Unavailable = map[string]json.RawMessage{}, map[string]string{}
	for key, answer := range m.lookups {
		d.Lookups[m.question(key)] = encode(m.apply(answer, "", ""))
	}
	for key, reason := range m.of.Decision.Unavailable {
		if reason != rules.ErrNotRecorded.Error() {
			reason = "Intercom refused it" // its words may repeat what was asked for
		}
		d.Unavailable[m.question(key)] = reason
	}
	out.Decision = &d
	return &out
}

// question is the key of a look-up with what is masked in it: a search is made of what the event says.
func (m *masker) question(key string) string {
	kind, rest, _ := strings.Cut(key, "/")
	limit, search, found := strings.Cut(rest, "/")
	if !found || !slices.Contains([]rules.QuestionKind{rules.AskArticles, rules.AskContacts, rules.AskConversations}, rules.QuestionKind(kind)) {
		return key // an id
	}
	longest := slices.SortedFunc(maps.Keys(m.values), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, text := range longest {
		for _, form := range []func(string) string{func(s string) string { return s }, inJSON} {
			search = strings.ReplaceAll(search, form(text), form(m.values[text]))
		}
	}
	return kind + "/" + limit + "/" + search
}

// inJSON is a text as it stands inside JSON.
func inJSON(text string) string { return strings.Trim(string(encode(text)), `"`) }

// asked is the masked record without the look-ups that the rules do not ask for.
func (m *masker) asked(ctx context.Context) (*rules.Record, error) {
	r := m.record()
	d, err := m.ruleset.Evaluate(ctx, r.Input())
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(r.Decision.Lookups, func(key string, _ json.RawMessage) bool { return d.Lookups[key] == nil })
	maps.DeleteFunc(r.Decision.Unavailable, func(key, _ string) bool { return d.Unavailable[key] == "" })
	return r, nil
}

func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it was JSON
	return bytes.TrimSpace(b.Bytes())
}

func (m *masker) still(ctx context.Context, want string) (bool, error) {
	got, err := m.outcome(ctx)
	return got == want, err
}

// outcome is what becomes of the record as it is masked by now: of every rule and every clause.
func (m *masker) outcome(ctx context.Context) (string, error) {
	d, why, err := m.ruleset.Explain(ctx, m.record().Input())
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, o := range d.Rules {
		fmt.Fprintf(&b, "%s %s %s %t", o.Rule, o.Verdict, o.HeldBy, o.Stop)
		for _, a := range slices.Concat(o.Actions, o.Would) {
			fmt.Fprintf(&b, " %s", a.Kind)
		}
	}
	for _, x := range why {
		x.EachClause(func(at string, c *rules.Clause) { fmt.Fprintf(&b, " %s %s", at, c.Value) })
	}
	return b.String(), nil
}
