package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold brings a text into the form in which texts that differ only in case are equal. It
// agrees with (?i) of regular expressions: characters that unicode.SimpleFold puts together
// become one, such as K, k and the Kelvin sign.
func fold(s string) string {
	i := 0
	for i < len(s) && s[i] < utf8.RuneSelf && (s[i] < 'A' || s[i] > 'Z') {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for _, r := range s[i:] { // invalid bytes become U+FFFD, as regexp reads them
		b.WriteRune(foldRune(r))
	}
	return b.String()
}

// foldRune chooses one of the characters that differ only in case: the small letter if it
// is ASCII, else the one with the smallest code.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// hasCase tells whether there are other characters that fold to the same.
func hasCase(r rune) bool { return unicode.SimpleFold(r) != r }
