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

	"switchboard/internal/intercom"
)

type apiCmd struct {
	Method string `arg:"" help:"GET, POST, PUT, PATCH or DELETE."`
	Path   string `arg:"" help:"Path of the API, such as /contacts/ID; may have a query."`

	Field    []string `short:"f" sep:"none" placeholder:"KEY=VALUE" help:"A field of the JSON body; of the query with GET or --input. May be given several times."`
	Input    string   `placeholder:"FILE" help:"File with the JSON body; - is standard input."`
	Paginate bool     `help:"Read all pages and print their items as one JSON array."`

	apiAddress
}

// Help is shown below the flags.
func (*apiCmd) Help() string {
	return `The access token is taken from INTERCOM_ACCESS_TOKEN, or from the file that INTERCOM_ACCESS_TOKEN_FILE
names, as for serve. Calls wait for Intercom's rate limit and are never repeated.

Values of -f are text, except true, false, null and numbers; in double quotes these are text, too. A key
may go into an object, as in query[field]=email, or add to an array, as in tags[]=VIP.

With --paginate the items are printed as they come. After an error the array is left open, so that
nothing takes it for the whole.

Examples:
  switchboard api GET /me
  switchboard api GET /contacts -f per_page=100 --paginate
  switchboard api POST /contacts/search -f 'query[field]=email' -f 'query[operator]==' -f 'query[value]=ada@acme.test'
  switchboard api PUT /tickets/631 -f open=false -f 'ticket_attributes[_default_title_]=Refund'
  switchboard api POST /conversations/search --input query.json --paginate

Exit code: 0 fine, 1 Intercom refused the call, 2 wrong usage, 3 no proper answer came.`
}

// Run makes the call.
func (c *apiCmd) Run(ctx context.Context, io streams) error {
	call, err := c.call(io.in)
	if err != nil {
		return usageError{err}
	}
	client, err := c.client()
	if err != nil {
		return usageError{err}
	}
	if c.Paginate {
		err = call.printItems(ctx, client, io.out)
	} else {
		err = call.printAnswer(ctx, client, io.out)
	}
	return c.explain(err, io)
}

// client is a client with the access token of the environment and a budget of its own.
func (a apiAddress) client() (*intercom.Client, error) {
	token, err := secret("INTERCOM_ACCESS_TOKEN")
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errors.New("set INTERCOM_ACCESS_TOKEN, the access token of your app")
	}
	base, err := a.url()
	if err != nil {
		return nil, err
	}
	return intercom.New(intercom.Options{
		BaseURL: base, Token: token, Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}),
		UserAgent: "switchboard/" + version(),
	})
}

// explain turns the error of a call into that of the command. The client names calls in a way
// that tells nothing of their paths; whoever typed the path may see it.
func (c *apiCmd) explain(err error, io streams) error {
	e, ok := errors.AsType[*intercom.Error](err)
	if !ok {
		return err
	}
	told := *e
	told.Method, told.Endpoint = strings.ToUpper(c.Method), c.Path
	switch {
	case e.Status == 0 && e.Class == intercom.Permanent:
		return usageError{&told}
	case e.Status >= 300 && e.Status < 500:
		_, _ = fmt.Fprintln(io.err, "switchboard:", &told)
		return exitError(exitProblems)
	}
	return &told
}

// apiCall is a call as the command line has it.
type apiCall struct {
	method, path string
	query        url.Values
	body         json.RawMessage
}

func (c *apiCmd) call(stdin io.Reader) (apiCall, error) {
	call := apiCall{method: strings.ToUpper(c.Method), path: c.Path}
	var err error
	switch {
	case call.method == http.MethodGet && c.Input != "":
		return call, errors.New("a GET has no body: leave --input out")
	case call.method == http.MethodGet:
		call.query, err = fieldsOfQuery(c.Field)
	case c.Input != "":
		if call.body, err = readJSON(c.Input, stdin); err == nil {
			call.query, err = fieldsOfQuery(c.Field)
		}
	case len(c.Field) > 0:
		call.body, err = fieldsOfBody(c.Field)
	}
	return call, err
}

func readJSON(path string, stdin io.Reader) (json.RawMessage, error) {
	read := func() ([]byte, error) { return os.ReadFile(path) } //nolint:gosec // the user names the file
	if path == "-" {
		read = func() ([]byte, error) { return io.ReadAll(stdin) }
	}
	content, err := read()
	if err != nil {
		return nil, fmt.Errorf("--input: %w", err)
	}
	if !json.Valid(content) {
		return nil, fmt.Errorf("--input: %s is not JSON", path)
	}
	return content, nil
}

func (c apiCall) printAnswer(ctx context.Context, client *intercom.Client, out io.Writer) error {
	answer, err := client.Raw(ctx, c.method, c.path, c.query, c.body)
	if err != nil || len(answer) == 0 {
		return err
	}
	_, err = fmt.Fprintln(out, layOut(answer, out, ""))
	return err
}

// printItems prints the items of all pages as one array.
func (c apiCall) printItems(ctx context.Context, client *intercom.Client, out io.Writer) error {
	before := "[\n"
	for page, err := range client.RawPages(ctx, c.method, c.path, c.query, c.body) {
		if err != nil {
			return err
		}
		items, err := itemsOf(page)
		if err != nil {
			return err
		}
		for _, item := range items {
			if _, err := io.WriteString(out, before+"  "+layOut(item, out, "  ")); err != nil {
				return err
			}
			before = ",\n"
		}
	}
	after := "\n]"
	if before == "[\n" {
		after = "[]"
	}
	_, err := fmt.Fprintln(out, after)
	return err
}

// layOut makes JSON readable for a terminal, and one line for everything else.
func layOut(raw json.RawMessage, out io.Writer, prefix string) string {
	var b bytes.Buffer
	var err error
	if isTerminal(out) {
		err = json.Indent(&b, raw, prefix, "  ")
	} else {
		err = json.Compact(&b, raw)
	}
	if err != nil { // the client lets through JSON only
		return string(raw)
	}
	return b.String()
}

// itemsOf finds the items of a page. Each list of Intercom has them under a name of its own,
// and found articles one step further down, beside their highlights.
func itemsOf(page json.RawMessage) ([]json.RawMessage, error) {
	var found struct {
		Data struct {
			Articles []json.RawMessage `json:"articles"`
		} `json:"data"`
	}
	if json.Unmarshal(page, &found) == nil && found.Data.Articles != nil {
		return found.Data.Articles, nil
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(page, &fields) // what is no object has no lists
	var lists [][]json.RawMessage
	for _, value := range fields {
		var items []json.RawMessage
		if json.Unmarshal(value, &items) == nil && items != nil {
			lists = append(lists, items)
		}
	}
	if len(lists) != 1 {
		return nil, errors.New("the answer is not a list: leave --paginate out")
	}
	return lists[0], nil
}
