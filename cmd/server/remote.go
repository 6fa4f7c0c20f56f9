package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// stateOf is where a command finds the state that it works on: at a running service, which has the
// SQLite file to itself, or in the database when none runs.
type stateOf struct {
	Admin    string `help:"Address of the running service's console; empty to work on the database without asking there." default:"http://127.0.0.1:9090" env:"SWITCHBOARD_ADMIN_URL" placeholder:"URL"`
	Database string `help:"Where state is kept, as for serve; used when no service answers." default:"sqlite:switchboard.db" env:"DATABASE_URL"`
}

// operate has the running service do the operation of that name or, when nobody listens there, does
// it here.
func operate[Request, Answer any](
	ctx context.Context, io streams, at stateOf, name string, request Request,
	here func(context.Context, *store.Store, Request) (Answer, error),
) (answer Answer, err error) {
	return operateTold(ctx, io, at, name, request, here, func(struct{}) {})
}

// operateTold does the same and is told how far a service is that does it.
func operateTold[Request, Answer, Progress any](
	ctx context.Context, io streams, at stateOf, name string, request Request,
	here func(context.Context, *store.Store, Request) (Answer, error), progress func(Progress),
) (answer Answer, err error) {
	if at.Admin != "" {
		err := at.ask(ctx, name, request, &answer, func(text json.RawMessage) {
			var p Progress
			if json.Unmarshal(text, &p) == nil { // what another version tells is not worth failing for
				progress(p)
			}
		})
		if !nobodyListens(err) {
			return answer, told(err, io)
		}
	}
	s, err := at.open(ctx)
	if err != nil {
		return answer, err
	}
	if at.Admin != "" {
		_, _ = fmt.Fprintf(io.err, "no service answers at %s: working on %s\n", at.Admin, s.Path())
	}
	answer, err = here(ctx, s, request)
	return answer, told(errors.Join(err, s.Close()), io)
}

// told reports what was refused, which is a problem found and no failure.
func told(err error, io streams) error {
	refused, ok := errors.AsType[*operations.Refused](err)
	if !ok {
		return err
	}
	_, _ = fmt.Fprintln(io.err, "switchboard:", refused)
	return exitError(exitProblems)
}

// open opens the database, which must be there: a command that looks at state must not make a new
// one where there is none.
func (at stateOf) open(ctx context.Context) (*store.Store, error) {
	if err := store.CheckURL(at.Database); err != nil {
		return nil, usageError{err}
	}
	if err := databaseExists(at.Database); err != nil {
		return nil, fmt.Errorf("%w: name it with --database, or the console of the service that runs with --admin", err)
	}
	s, err := store.Open(ctx, at.Database, store.Options{})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w; or name its console with --admin", err)
	}
	return s, err
}

// databaseExists tells when there is no such file.
func databaseExists(url string) error {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil // its server will tell
	}
	path = strings.TrimPrefix(path, "//")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no database %s", path)
	}
	return nil
}

// ask has the running service do the operation of that name, and is told how far that is.
func (at stateOf) ask(ctx context.Context, name string, request, answer any, progress func(json.RawMessage)) error {
	resp, err := at.post(ctx, name, nil, request)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return at.refusal(resp)
	}
	body := io.LimitReader(resp.Body, mostAnswer)
	if resp.Header.Get("Content-Type") == linesType {
		return at.follow(body, answer, progress)
	}
	return at.understand(json.NewDecoder(body).Decode(answer))
}

// linesType is the type of an answer that tells of the progress line by line.
const linesType = "application/x-ndjson"

// follow reads such an answer.
func (at stateOf) follow(body io.Reader, answer any, progress func(json.RawMessage)) error {
	for d := json.NewDecoder(body); ; {
		var line struct {
			Progress, Answer json.RawMessage
			Error            string
			Status           int
		}
		err := d.Decode(&line)
		switch {
		case err != nil:
			return fmt.Errorf("the service at %s stopped answering before the end; ask again: %w", at.Admin, err)
		case line.Error != "":
			return at.refused(line.Status, line.Error)
		case line.Answer != nil:
			return at.understand(json.Unmarshal(line.Answer, answer))
		}
		progress(line.Progress)
	}
}

func (at stateOf) understand(err error) error {
	if err != nil {
		return fmt.Errorf("the service at %s gave an answer that this program does not understand: %w", at.Admin, err)
	}
	return nil
}

// post sends a request to the running service. nobodyListens tells of an error whether there is one.
func (at stateOf) post(ctx context.Context, name string, query url.Values, request any) (*http.Response, error) {
	base, err := url.Parse(at.Admin)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, usageError{fmt.Errorf("--admin %q: write an address such as http://127.0.0.1:9090", at.Admin)}
	}
	token, err := secret("SWITCHBOARD_ADMIN_TOKEN")
	if err != nil {
		return nil, usageError{err}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	address := base.JoinPath("api", "v1", name)
	address.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, "+linesType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := askClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the service: %w", err)
	}
	return resp, nil
}

// nobodyListens tells whether there is no service at the address. After a timeout there may be one at
// work.
func nobodyListens(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// askClient asks the service itself and nobody that it points to: the token is for the service alone. How
// long an operation takes depends on the size of the state.
var askClient = &http.Client{
	Transport:     &http.Transport{Proxy: nil, TLSHandshakeTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// mostAnswer is how many bytes the answer to an operation may have.
const mostAnswer = 256 << 20

// refusal is why the service did not do what it was asked for.
func (at stateOf) refusal(resp *http.Response) error {
	var problem struct {
		Error string `json:"error"`
	}
	// What is no JSON has no words for us.
	_ = json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&problem)
	return at.refused(resp.StatusCode, problem.Error)
}

// refused is the error that a status and the words of a service stand for.
func (at stateOf) refused(status int, words string) error {
	switch {
	case status == http.StatusUnauthorized:
		return fmt.Errorf("the service at %s wants the admin token: set SWITCHBOARD_ADMIN_TOKEN as for serve", at.Admin)
	case status == http.StatusUnprocessableEntity && words != "":
		return &operations.Refused{Err: errors.New(words)}
	case status == http.StatusInternalServerError:
		return fmt.Errorf("the service at %s could not do it: its log says why", at.Admin)
	case words != "":
		return fmt.Errorf("the service at %s: %s", at.Admin, words)
	}
	return fmt.Errorf("what answers at %s (%d %s) is no switchboard that takes operations: name the console with --admin", at.Admin, status, http.StatusText(status))
}
