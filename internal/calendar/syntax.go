package calendar

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says what is wrong in a text, and where: the characters from From to To
// (exclusive).
type SyntaxError struct {
	From, To int
	Message  string
	Hint     string // may be empty
}

// Error is the message.
func (err *SyntaxError) Error() string { return err.Message }

// word is a part of a text; from and to count characters.
type word struct {
	text     string
	from, to int
}

func (w word) problem(hint, format string, args ...any) *SyntaxError {
	return &SyntaxError{From: w.from, To: w.to, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func whole(text string) word { return word{text, 0, utf8.RuneCountInString(text)} }

// split returns the words between spaces and commas.
func split(text string) []word {
	var list []word
	chars, start, from := 0, -1, 0 // start counts bytes
	for i, r := range text {
		between := unicode.IsSpace(r) || r == ','
		switch {
		case between && start >= 0:
			list = append(list, word{text[start:i], from, chars})
			start = -1
		case !between && start < 0:
			start, from = i, chars
		}
		chars++
	}
	if start >= 0 {
		list = append(list, word{text[start:], from, chars})
	}
	return list
}
