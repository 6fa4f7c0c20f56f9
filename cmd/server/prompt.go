package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// prompter asks whoever sits at the terminal.
type prompter struct {
	in  *bufio.Reader
	out io.Writer
	// hidden reads a line that is not shown while it is typed.
	hidden func() ([]byte, error)
}

// newPrompter gives nil where nobody can be asked.
func newPrompter(io streams) *prompter {
	f, ok := io.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &prompter{bufio.NewReader(f), io.err, func() ([]byte, error) { return readHidden(int(f.Fd())) }}
}

// readHidden reads a line that the terminal does not show. Whoever gives up in the midst of it gets a terminal
// back that shows again what is typed.
func readHidden(fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-interrupted:
		return nil, errors.Join(errNoAnswer, term.Restore(fd, before))
	}
}

// errNoAnswer says that nobody answers any more.
var errNoAnswer = usageError{errors.New("there was no answer: nothing was written")}

// ask asks for a line; otherwise is the answer of whoever only presses the return key.
func (p *prompter) ask(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	if _, err := fmt.Fprint(p.out, question+": "); err != nil {
		return "", err
	}
	line, err := p.in.ReadString('\n')
	if err != nil {
		return "", errNoAnswer
	}
	if line = strings.TrimSpace(line); line == "" {
		return otherwise, nil
	}
	return line, nil
}

// askUntil asks until the answer is good, and says what is wrong with those that are not.
func (p *prompter) askUntil(question, otherwise string, good func(string) error) (string, error) {
	for {
		answer, err := p.ask(question, otherwise)
		if err != nil {
			return "", err
		}
		wrong := good(answer)
		if wrong == nil {
			return answer, nil
		}
		if _, err := fmt.Fprintln(p.out, " ", wrong); err != nil {
			return "", err
		}
	}
}

// secret asks for a line that is not shown.
func (p *prompter) secret(question string) (string, error) {
	if _, err := fmt.Fprint(p.out, question+" (not shown): "); err != nil {
		return "", err
	}
	line, err := p.hidden()
	_, _ = fmt.Fprintln(p.out) // the key was not shown, either
	if err != nil || len(strings.TrimSpace(string(line))) == 0 {
		return "", errNoAnswer
	}
	return strings.TrimSpace(string(line)), nil
}

// agree asks for a yes, which the return key alone is, too.
func (p *prompter) agree(question string) (bool, error) {
	answer, err := p.ask(question, "yes")
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}
