package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// scanner reads a JSON text once, from front to back. It accepts exactly the texts that
// encoding/json accepts, so that whoever decodes the payload later can, and hands out the
// few values that an event needs while it passes over the rest.
//
// It is here because every notification passes it before it is acknowledged, and
// encoding/json takes several times as long for the same outline: it scans a text once to
// check it and again to decode it, and once more for every type that decodes itself.
// BenchmarkParse compares the two.
//
// Every method that reads consumes one whole value. After a failure the scanner stands at
// the end of the text, where every loop ends, and err says what was wrong. No message
// quotes the text: it is a customer's.
type scanner struct {
	text  []byte
	at    int
	depth int
	err   error
}

// maxDepth is where encoding/json stops, too.
const maxDepth = 10_000

func (s *scanner) fail(reason string) {
	if s.err != nil {
		return
	}
	if s.at >= len(s.text) {
		reason = "it ends too early"
	}
	s.err = fmt.Errorf("malformed JSON at byte %d: %s", s.at+1, reason)
	s.at = len(s.text)
}

// next passes over white space and returns the byte that follows, or 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// end fails unless nothing but white space is left.
func (s *scanner) end() {
	s.next()
	if s.at < len(s.text) {
		s.fail("something follows the value")
	}
}

// value passes over a value of any type.
func (s *scanner) value() {
	switch c := s.next(); c {
	case '{':
		s.object(nil)
	case '[':
		s.array(nil)
	case '"':
		s.quoted()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			s.number()
			return
		}
		s.fail("expected a value")
	}
}

// raw returns the bytes of the next value; none after a failure.
func (s *scanner) raw() []byte {
	s.next()
	from := s.at
	s.value()
	if s.err != nil {
		return nil
	}
	return s.text[from:s.at]
}

// object calls member with each name of the object that comes next. member must consume the
// value; nil passes over it.
func (s *scanner) object(member func(name []byte)) {
	if !s.open() {
		return
	}
	if s.next() == '}' {
		s.close()
		return
	}
	for {
		if s.next() != '"' {
			s.fail("expected a name in quotes")
			return
		}
		name := s.quoted()
		if s.next() != ':' {
			s.fail("expected a colon")
			return
		}
		s.at++
		if member == nil {
			s.value()
		} else {
			member(contents(name))
		}
		switch s.next() {
		case ',':
			s.at++
		case '}':
			s.close()
			return
		default:
			s.fail("expected a comma or }")
			return
		}
	}
}

// array calls element before each element of the array that comes next. element must
// consume it; nil passes over it.
func (s *scanner) array(element func()) {
	if !s.open() {
		return
	}
	if s.next() == ']' {
		s.close()
		return
	}
	for {
		if element == nil {
			s.value()
		} else {
			element()
		}
		switch s.next() {
		case ',':
			s.at++
		case ']':
			s.close()
			return
		default:
			s.fail("expected a comma or ]")
			return
		}
	}
}

func (s *scanner) open() bool {
	if s.depth++; s.depth > maxDepth {
		s.fail("nested too deeply")
		return false
	}
	s.at++
	return true
}

func (s *scanner) close() {
	s.depth--
	s.at++
}

// quoted passes over a string and returns it as written, with its quotes; nothing after a
// failure.
func (s *scanner) quoted() []byte {
	from := s.at
	for s.at++; ; {
		for s.at < len(s.text) && plain[s.text[s.at]] {
			s.at++
		}
		switch {
		case s.at == len(s.text):
			s.fail("")
			return nil
		case s.text[s.at] == '"':
			s.at++
			return s.text[from:s.at]
		case s.text[s.at] != '\\':
			s.fail("control character in a string")
			return nil
		case !s.escape():
			return nil
		}
	}
}

func (s *scanner) escape() bool {
	rest := s.text[s.at+1:]
	switch {
	case len(rest) == 0:
		s.at++
		s.fail("")
		return false
	case strings.IndexByte(`"\/bfnrt`, rest[0]) >= 0:
		s.at += 2
		return true
	case rest[0] == 'u' && len(rest) >= 5 && !slices.ContainsFunc(rest[1:5], notHex):
		s.at += 6
		return true
	}
	s.fail("unknown escape in a string")
	return false
}

func (s *scanner) literal(word string) {
	if rest := s.text[s.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		s.fail("expected a value")
		return
	}
	s.at += len(word)
}

func (s *scanner) number() {
	if s.text[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if !s.digits() {
			return
		}
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		s.digits()
	}
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	if s.at == from {
		s.fail("expected a digit")
		return false
	}
	return true
}

// identifier reads an id, which arrives as a string or as an integer (up to 64 bits, and
// kept exact). Anything else counts as missing.
func (s *scanner) identifier() string {
	raw := s.raw()
	switch {
	case len(raw) == 0:
		return ""
	case raw[0] == '"':
		return string(contents(raw))
	case raw[0] == '-' || isDigit(raw[0]):
		return string(raw)
	}
	return ""
}

// lenientText reads a string. Anything else counts as missing.
func (s *scanner) lenientText() string {
	if raw := s.raw(); len(raw) > 0 && raw[0] == '"' {
		return string(contents(raw))
	}
	return ""
}

// second reads a time in Unix seconds, as a number or as text. Anything else counts as missing.
func (s *scanner) second() int64 {
	n, err := strconv.ParseInt(s.identifier(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// contents are the characters of a string as written: without quotes, escapes resolved.
func contents(quoted []byte) []byte {
	if len(quoted) < 2 {
		return nil
	}
	inner := quoted[1 : len(quoted)-1]
	if slices.Contains(inner, '\\') {
		var text string
		if json.Unmarshal(quoted, &text) != nil {
			return nil
		}
		return []byte(text)
	}
	return inner
}

// plain marks the bytes of a string that stand for themselves.
var plain = func() (t [256]bool) {
	for c := 0x20; c < len(t); c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func notHex(c byte) bool {
	return !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f')
}
