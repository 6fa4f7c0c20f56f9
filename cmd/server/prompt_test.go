package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func promptWith(lines string, hidden ...string) (*prompter, *bytes.Buffer) {
	var out bytes.Buffer
	return &prompter{bufio.NewReader(strings.NewReader(lines)), &out, func() ([]byte, error) {
		if len(hidden) == 0 {
			return nil, io.EOF
		}
		next := hidden[0]
		hidden = hidden[1:]
		return []byte(next), nil
	}}, &out
}

func TestPrompter(t *testing.T) {
	p, out := promptWith("\n  ada \nbad\ngood\ny\nno\n", "s3cret ", "")
	if a, err := p.ask("Who", "ops"); a != "ops" || err != nil {
		t.Errorf("the return key alone: %q, %v", a, err)
	}
	if a, err := p.ask("Who", "ops"); a != "ada" || err != nil {
		t.Errorf("an answer: %q, %v", a, err)
	}
	a, err := p.askUntil("What", "", func(s string) error {
		if s == "bad" {
			return errors.New("that is bad")
		}
		return nil
	})
	if a != "good" || err != nil || !strings.Contains(out.String(), "that is bad") {
		t.Errorf("asked until it is good: %q, %v\n%s", a, err, out)
	}
	if s, err := p.secret("Token"); s != "s3cret" || err != nil || strings.Contains(out.String(), "s3cret") {
		t.Errorf("a secret: %q, %v\n%s", s, err, out)
	}
	if _, err := p.secret("Token"); !errors.Is(err, errNoAnswer) {
		t.Errorf("an empty secret: %v", err)
	}
	if yes, err := p.agree("Sure?"); !yes || err != nil {
		t.Errorf("y: %v, %v", yes, err)
	}
	if yes, err := p.agree("Sure?"); yes || err != nil {
		t.Errorf("no: %v, %v", yes, err)
	}
	if _, err := p.ask("Who", "ops"); !errors.Is(err, errNoAnswer) {
		t.Errorf("nobody answers any more: %v", err)
	}
}
