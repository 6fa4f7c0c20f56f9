package store_test

import (
	"bytes"
	"testing"
)

func TestKeepRuleset(t *testing.T) {
	s := open(t)
	text := bytes.Repeat([]byte("version: 1\n"), 1000)
	for range 2 { // the second time it is there
		if err := s.KeepRuleset(t.Context(), "abc", text, start); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, err := s.RulesetOf(t.Context(), "abc"); err != nil || !ok || !bytes.Equal(got, text) {
		t.Errorf("RulesetOf: %d bytes, %v, %v", len(got), ok, err)
	}
	if _, ok, err := s.RulesetOf(t.Context(), "other"); err != nil || ok {
		t.Errorf("RulesetOf(other) = %v, %v", ok, err)
	}
}
