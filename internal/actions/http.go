package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"
)

// post sends JSON to a URL of your own, signed (see Poster):
//
//   - http: https://hooks.acme.test/refunds
//   - http: { url: https://hooks.acme.test/refunds, body: { order: "{{ item.id }}" }, headers: { X-Team: support } }
//
// It is sent again after a doubt, with the same webhook-id: the receiver can tell.
type post struct{ repeatable }

type postSpec struct {
	url     string
	body    []field
	headers []field
}

type postParams struct {
	URL     string            `json:"url"`
	ID      string            `json:"id"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body"`
}

// posted is the body as the receiver sees it.
type posted struct {
	Rule  string         `json:"rule"`
	Event postedEvent    `json:"event"`
	Data  map[string]any `json:"data"`
}

type postedEvent struct {
	ID        string `json:"id"`
	Topic     string `json:"topic"`
	Workspace string `json:"workspace"`
	Subject   string `json:"subject"`
	CreatedAt int64  `json:"created_at"`
}

// Name is "http".
func (post) Name() string { return "http" }

// Parse reads where to and what.
func (post) Parse(n *yaml.Node, d Decoder) Spec {
	s, ok := &postSpec{}, true
	at := n
	if n.Kind == yaml.MappingNode {
		at = nil
		d.Fields(n, map[string]func(*yaml.Node){
			"url": func(n *yaml.Node) { at = n },
			"body": func(n *yaml.Node) {
				var fine bool
				s.body, fine = parseFields(n, d, parseValue)
				ok = ok && fine
			},
			"headers": func(n *yaml.Node) { ok = s.readHeaders(n, d) && ok },
		})
	}
	if at == nil {
		d.Problem(n, CodeParameter, "write `http: URL` or `http: {url: URL, body: {...}}`", "http needs a URL")
		return nil
	}
	if !s.readURL(at, d) || !ok {
		return nil
	}
	return s
}

// readURL reads the URL. It holds no expressions: what customers write must not decide where
// something is sent.
func (s *postSpec) readURL(n *yaml.Node, d Decoder) bool {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.Problem(n, CodeParameter, "", "the URL of http must be a text")
		return false
	}
	s.url = n.Value
	u, err := url.Parse(n.Value)
	switch {
	case strings.Contains(n.Value, "{{"):
		d.Problem(n, CodeParameter, "put what changes into the body", "the URL of http can hold no expressions")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		d.Problem(n, CodeParameter, "such as https://hooks.acme.test/refunds", "this is not an http or https URL")
	case u.User != nil:
		d.Problem(n, CodeParameter, "what is sent is signed; check the signature", "a URL with a password does not belong into a rules file")
	default:
		return true
	}
	return false
}

func (s *postSpec) readHeaders(n *yaml.Node, d Decoder) (ok bool) {
	if s.headers, ok = parseFields(n, d, parseScalar); !ok {
		return false
	}
	for _, f := range s.headers {
		name := http.CanonicalHeaderKey(f.name)
		switch {
		case strings.ContainsFunc(f.name, func(r rune) bool { return r != '-' && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') }):
			d.Problem(f.at, CodeParameter, "", "%q is not the name of a header", f.name)
			ok = false
		case strings.HasPrefix(name, "Webhook-"), name == "Content-Type", name == "Content-Length", name == "Host", name == "User-Agent":
			d.Problem(f.at, CodeParameter, "", "the header %s is set by Switchboard", f.name)
			ok = false
		}
	}
	return ok
}

// Plan renders the body and fixes the id of the delivery.
func (s *postSpec) Plan(p Plan) (json.RawMessage, error) {
	data, err := renderFields(s.body, p.Facts)
	if err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(s.headers))
	for i := range s.headers {
		text, err := s.headers[i].value.words(p.Facts)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, errorf("the header %s came out with characters that no header has", s.headers[i].name)
		}
		headers[s.headers[i].name] = text
	}
	ev := p.Event
	body, err := json.Marshal(posted{
		Rule: p.Rule, Data: data,
		Event: postedEvent{ID: ev.ID, Topic: ev.Topic, Workspace: ev.Workspace, Subject: ev.Subject, CreatedAt: ev.CreatedAt.Unix()},
	})
	switch {
	case err != nil:
		return nil, errorf("the body of http cannot be written as JSON")
	case len(body) > maxPosted:
		return nil, errorf("the body of http came out larger than %d KiB", maxPosted>>10)
	}
	return encodeParams(postParams{
		URL: s.url, Headers: headers, Body: body,
		ID: fmt.Sprintf("%s/%s/%s/%d", url.PathEscape(ev.Workspace), url.PathEscape(ev.ID), url.PathEscape(p.Rule), p.Index),
	})
}

// Summary names where to.
func (s *postSpec) Summary() string { return "http " + host(s.url) }

// host is the part of a URL that may be shown: the rest may hold a secret.
func host(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "?"
	}
	return u.Host
}

// Do sends it.
func (post) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p postParams
	if err := decodeParams("http", c.Params, &p); err != nil {
		return Result{}, err
	}
	if env.Poster == nil {
		return Result{}, errorf("http actions are not set up here")
	}
	if err := env.Poster.Post(ctx, p.URL, p.ID, p.Headers, p.Body); err != nil {
		return Result{}, fmt.Errorf("http %s: %w", host(p.URL), err)
	}
	return Result{Detail: "sent to " + host(p.URL)}, nil
}

// attemptLimit gives up after about two minutes: a receiver of your own that is down must not
// keep the replies waiting that come after it in the conversation.
func (post) attemptLimit() int { return 8 }

func (post) describe(params json.RawMessage) string {
	var p postParams
	if decodeParams("http", params, &p) != nil {
		return "http"
	}
	return "http " + host(p.URL)
}
