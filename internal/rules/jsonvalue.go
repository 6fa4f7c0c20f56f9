package rules

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeJSON reads one JSON value into values of expressions. encoding/json would take most
// of the time that an event costs: it reads the text twice and copies every key and text.
// Here they are parts of one string. Numbers stay exact (see plainNumber), the last of
// repeated keys wins, and invalid UTF-8 becomes U+FFFD, as in encoding/json.
func decodeJSON(text string) (any, error) {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	r := jsonReader{s: text}
	v, ok := r.value(0)
	r.space()
	if !ok || r.i != len(r.s) {
		return nil, errNotJSON
	}
	return v, nil
}

var errNotJSON = errors.New("it is not JSON")

// maxJSONDepth bounds nesting, as encoding/json does, only sooner: payloads have 8 levels.
const maxJSONDepth = 1000

type jsonReader struct {
	s string
	i int
	// members and items are stacks of what was read of the objects and lists that are still
	// open, so that maps and slices are made in their final size.
	members []jsonMember
	items   []any
}

type jsonMember struct {
	key   string
	value any
}

func (r *jsonReader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// next skips white space and tells whether c follows; it takes it if so.
func (r *jsonReader) next(c byte) bool {
	r.space()
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) (any, bool) {
	r.space()
	if r.i >= len(r.s) || depth > maxJSONDepth {
		return nil, false
	}
	switch r.s[r.i] {
	case '{':
		return r.object(depth)
	case '[':
		return r.list(depth)
	case '"':
		s, ok := r.text()
		return s, ok
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	}
	return r.number()
}

func (r *jsonReader) word(w string) bool {
	if strings.HasPrefix(r.s[r.i:], w) {
		r.i += len(w)
		return true
	}
	return false
}

func (r *jsonReader) object(depth int) (any, bool) {
	r.i++
	if r.next('}') {
		return object{}, true
	}
	base := len(r.members)
	for {
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != '"' {
			return nil, false
		}
		key, ok := r.text()
		if !ok || !r.next(':') {
			return nil, false
		}
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		r.members = append(r.members, jsonMember{key, v})
		if r.next(',') {
			continue
		}
		if !r.next('}') {
			return nil, false
		}
		break
	}
	o := make(object, len(r.members)-base)
	for _, m := range r.members[base:] {
		o[m.key] = m.value
	}
	r.members = r.members[:base]
	return o, true
}

func (r *jsonReader) list(depth int) (any, bool) {
	r.i++
	if r.next(']') {
		return []any{}, true
	}
	base := len(r.items)
	for {
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		r.items = append(r.items, v)
		if r.next(',') {
			continue
		}
		if !r.next(']') {
			return nil, false
		}
		break
	}
	list := append(make([]any, 0, len(r.items)-base), r.items[base:]...)
	r.items = r.items[:base]
	return list, true
}

// text reads a string. Without escapes it is a part of the source.
func (r *jsonReader) text() (string, bool) {
	start := r.i + 1
	for i := start; i < len(r.s); i++ {
		switch c := r.s[i]; {
		case c == '"':
			r.i = i + 1
			return r.s[start:i], true
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20:
			return "", false
		}
	}
	return "", false
}

// escaped reads on from the first backslash, which is at i.
func (r *jsonReader) escaped(start, i int) (string, bool) {
	var b strings.Builder
	b.WriteString(r.s[start:i])
	for i < len(r.s) {
		switch c := r.s[i]; {
		case c == '"':
			r.i = i + 1
			return b.String(), true
		case c < 0x20:
			return "", false
		case c != '\\':
			from := i
			for i < len(r.s) && r.s[i] != '"' && r.s[i] != '\\' && r.s[i] >= 0x20 {
				i++
			}
			b.WriteString(r.s[from:i])
		default:
			char, size, ok := escape(r.s[i:])
			if !ok {
				return "", false
			}
			b.WriteRune(char)
			i += size
		}
	}
	return "", false
}

// escape reads the escape that s begins with. A half of a surrogate pair that stands alone
// becomes U+FFFD.
func escape(s string) (char rune, size int, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, true
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	case 'u':
		first, ok := hex4(s)
		if !ok {
			return 0, 0, false
		}
		if !utf16.IsSurrogate(first) {
			return first, 6, true
		}
		if second, ok := hex4(s[6:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 12, true
			}
		}
		return utf8.RuneError, 6, true
	}
	return 0, 0, false
}

// hex4 reads the digits of \uXXXX.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil && s[2] != '+'
}

func (r *jsonReader) number() (any, bool) {
	start := r.i
	digits := func() bool {
		from := r.i
		for r.i < len(r.s) && '0' <= r.s[r.i] && r.s[r.i] <= '9' {
			r.i++
		}
		return r.i > from
	}
	take := func(set string) bool {
		if r.i < len(r.s) && strings.IndexByte(set, r.s[r.i]) >= 0 {
			r.i++
			return true
		}
		return false
	}
	take("-")
	if !take("0") && !digits() {
		return nil, false
	}
	if take(".") && !digits() {
		return nil, false
	}
	if take("eE") {
		take("+-")
		if !digits() {
			return nil, false
		}
	}
	return plainNumber(r.s[start:r.i]), true
}
