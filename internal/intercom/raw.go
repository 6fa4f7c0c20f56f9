package intercom

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// rawEndpoint names raw calls in errors, logs and metrics, whose paths could hold anything.
const rawEndpoint = "raw"

// rawMethods are the methods that Intercom knows.
var rawMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Raw makes any call: path is below the base URL and may have a query, to which query is
// added; body is JSON, or nothing. It returns the answer as Intercom sent it, which is empty
// for some calls. Whether repeating it shows is for the caller to know.
func (c *Client) Raw(ctx context.Context, method, path string, query url.Values, body json.RawMessage) (json.RawMessage, error) {
	r, err := rawRequest(method, path, query, body)
	if err != nil {
		return nil, err
	}
	return c.rawCall(ctx, &r)
}

// RawPages makes a raw call and those for the pages that follow, as long as more are wanted.
// A page is asked for as the answer before it says: by a cursor, which goes into the query of
// a GET and into the pagination of a search's body, or by an address of the same path, whose
// query is taken over.
func (c *Client) RawPages(ctx context.Context, method, path string, query url.Values, body json.RawMessage) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		r, err := rawRequest(method, path, query, body)
		if err != nil {
			yield(nil, err)
			return
		}
		for page, err := range c.follow(ctx, r) {
			if !yield(page, err) {
				return
			}
		}
	}
}

func rawRequest(method, path string, query url.Values, body json.RawMessage) (request, error) {
	r := request{method: method, endpoint: rawEndpoint}
	if !slices.Contains(rawMethods, method) {
		r.method = "?" // not a label that anybody can make up
		return r, r.refuse("the method must be one of " + strings.Join(rawMethods, ", "))
	}
	literal, inPath, err := rawPath(path)
	if err != nil {
		return r, r.refuse(err.Error())
	}
	for name, values := range query {
		inPath[name] = append(inPath[name], values...)
	}
	r.literal, r.query = literal, inPath
	r.reads = readsAlways(method, literal)
	if len(body) > 0 {
		r.body = body
	}
	return r, nil
}

// readsAlways tells whether the client knows a call that only reads and is sent like this.
func readsAlways(method, path string) bool {
	return slices.ContainsFunc(operations, func(o Operation) bool {
		return o.Method == method && o.Endpoint == path && o.Doubt == readAgain
	})
}

// rawPath takes a path apart. It must stay below the base, whatever it is joined to.
func rawPath(s string) (path string, query url.Values, err error) {
	if strings.Contains(s, "://") || strings.HasPrefix(s, "//") {
		return "", nil, errors.New("write the path alone, such as /contacts/1, without a host")
	}
	u, err := url.Parse("/" + strings.TrimPrefix(s, "/"))
	if err != nil || u.Fragment != "" {
		return "", nil, errors.New("this is not a path")
	}
	if query, err = url.ParseQuery(u.RawQuery); err != nil {
		return "", nil, errors.New("the query cannot be read")
	}
	for step := range strings.SplitSeq(u.Path[1:], "/") {
		if step == "" || step == "." || step == ".." {
			return "", nil, errors.New("a path has no step that is empty, . or .. in it")
		}
	}
	return u.EscapedPath(), query, nil
}

func (c *Client) rawCall(ctx context.Context, r *request) (json.RawMessage, error) {
	answer, status, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(answer) > 0 && !json.Valid(answer) {
		return nil, c.unreadable(r, status, "the answer is not JSON", nil)
	}
	return answer, nil
}

// follow makes a call and those for the pages that follow.
func (c *Client) follow(ctx context.Context, r request) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		seen := map[string]bool{}
		for {
			page, err := c.rawCall(ctx, &r)
			if !yield(page, err) || err != nil {
				return
			}
			next := nextOf(page)
			if next == "" {
				return
			}
			if seen[next] {
				yield(nil, c.astray(&r, "the list leads back to a page that it had before"))
				return
			}
			seen[next] = true
			if r, err = c.turn(r, next); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// astray makes the error of an answer that names a next page which cannot be.
func (c *Client) astray(r *request, why string) *Error {
	e := c.unreadable(r, http.StatusOK, why, nil)
	e.Class = Permanent
	return e
}

// nextOf tells how the page after this one is asked for: a cursor, an address, or "" when
// this is the last one.
func nextOf(page []byte) string {
	var answer struct {
		Pages json.RawMessage `json:"pages"`
	}
	var pages struct {
		Next json.RawMessage `json:"next"`
	}
	if decode(page, &answer) != nil || decode(answer.Pages, &pages) != nil {
		return ""
	}
	var address string
	if json.Unmarshal(pages.Next, &address) == nil {
		return address
	}
	var cursor struct {
		After ID `json:"starting_after"`
	}
	if decode(pages.Next, &cursor) != nil {
		return ""
	}
	return string(cursor.After)
}

// turn makes the request for the next page.
func (c *Client) turn(r request, next string) (request, error) {
	if strings.Contains(next, "://") {
		return c.turnTo(r, next)
	}
	if r.method == http.MethodGet {
		r.query = with(r.query, "starting_after", next)
		return r, nil
	}
	raw, _ := r.body.(json.RawMessage)
	body, pagination := map[string]json.RawMessage{}, map[string]any{}
	if json.Unmarshal(raw, &body) != nil {
		return r, r.refuse("the next page cannot be asked for: the body is not an object")
	}
	if p, given := body["pagination"]; given && json.Unmarshal(p, &pagination) != nil {
		return r, r.refuse("the next page cannot be asked for: pagination is not an object")
	}
	if pagination == nil {
		pagination = map[string]any{}
	}
	pagination["starting_after"] = next
	p, err := json.Marshal(pagination)
	if err != nil {
		return r, r.refuse(err.Error())
	}
	body["pagination"] = p
	if raw, err = json.Marshal(body); err != nil {
		return r, r.refuse(err.Error())
	}
	r.body = raw
	return r, nil
}

// turnTo takes over the query of an address. The rest of it has to be what was asked: it
// comes from outside, and the token goes there.
func (c *Client) turnTo(r request, address string) (request, error) {
	path, err := r.path()
	if err != nil {
		return r, r.refuse(err.Error())
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil ||
		u.Scheme+"://"+u.Host+u.EscapedPath() != c.base+path {
		return r, c.astray(&r, "the next page is said to be somewhere else, where it is not looked for")
	}
	for name, values := range u.Query() {
		r.query = with(r.query, name, values...)
	}
	return r, nil
}

func with(query url.Values, name string, values ...string) url.Values {
	changed := url.Values{}
	for k, v := range query {
		changed[k] = v
	}
	changed[name] = values
	return changed
}
