package actions

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"switchboard/internal/intercom"
)

// Poster sends JSON to URLs that rules name. What is sent is signed as the Standard Webhooks
// specification says (https://www.standardwebhooks.com), so that receivers can use its libraries.
//
// Whoever may write rules could otherwise have this service talk to what only it can reach, such
// as a cloud's metadata address. So every address is looked at when the connection is made: after
// the name was resolved and for every redirect. Private, loopback, link-local and other special
// addresses are refused unless they are allowed.
type Poster struct {
	key    []byte
	agent  string
	now    func() time.Time
	client *http.Client
}

// PosterOptions configure a Poster.
type PosterOptions struct {
	// Secret signs; texts that begin with "whsec_" are base64 behind it. Empty: nothing is sent.
	Secret string
	// Allow are networks that may be reached although they are private.
	Allow []netip.Prefix
	// Timeout bounds one request from sending to the end of the answer; 10 s if 0.
	Timeout time.Duration
	// UserAgent is sent with every request.
	UserAgent string
	// Now is the clock that tells receivers when a request was sent; time.Now if nil.
	Now func() time.Time
}

const (
	// maxPosted bounds a body, in bytes.
	maxPosted = 256 << 10
	// mostRedirects is how many are followed.
	mostRedirects = 3
)

// NewPoster makes a Poster, or says what is wrong with the secret.
func NewPoster(o PosterOptions) (*Poster, error) {
	key := []byte(o.Secret)
	if encoded, ok := strings.CutPrefix(o.Secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(key) == 0 {
			return nil, errors.New("the secret for http actions begins with whsec_ and is not base64 behind it")
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: guard(o.Allow)}
	return &Poster{
		key: key, agent: o.UserAgent, now: o.Now,
		client: &http.Client{
			Timeout:       o.Timeout,
			CheckRedirect: checkRedirect,
			// No proxy: behind one, the guard would see the proxy's address only.
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
				MaxIdleConns: 16, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: o.Timeout,
			},
		},
	}, nil
}

// guard refuses to connect to addresses that are not public and not allowed. It runs for every
// address that is tried, after names were resolved.
func guard(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return &postError{class: intercom.Permanent, msg: "the address cannot be read"}
		}
		ip := at.Addr().Unmap().WithZone("")
		for _, p := range allow {
			if p.Contains(ip) {
				return nil
			}
		}
		if !public(ip) {
			return &postError{class: intercom.Permanent, msg: fmt.Sprintf("%s is not a public address; allow it with --http-allow if it is meant", ip)}
		}
		return nil
	}
}

// special are networks that are not public although netip has no word for them (IANA's registries
// of special-purpose addresses).
var special = func() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// checkRedirect follows a redirect only when the request stays what it was.
func checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) > mostRedirects:
		return &postError{class: intercom.Permanent, msg: fmt.Sprintf("more than %d redirects", mostRedirects)}
	case r.Method != http.MethodPost:
		return &postError{class: intercom.Permanent, msg: "a redirect asks for a GET; name the URL that takes the POST"}
	case r.URL.Hostname() != via[0].URL.Hostname() || r.URL.Scheme != "https" && via[0].URL.Scheme == "https":
		// The headers and the signature are for this receiver, and for its ears only.
		return &postError{class: intercom.Permanent, msg: "a redirect leads to another host or away from https; name the URL that it leads to"}
	}
	return nil
}

// postError is a request that failed. It quotes nothing of what was sent or answered.
type postError struct {
	class  intercom.Class
	status int
	msg    string
}

func (e *postError) Error() string { return e.msg }

// ErrorClass is for intercom.ClassOf.
func (e *postError) ErrorClass() intercom.Class { return e.class }

// Post sends a body under an id that is the same for every attempt at one delivery.
func (p *Poster) Post(ctx context.Context, to, id string, headers map[string]string, body []byte) error {
	if len(p.key) == 0 {
		return &postError{class: intercom.Permanent, msg: "SWITCHBOARD_HTTP_SECRET is not set: nothing is sent unsigned"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return &postError{class: intercom.Permanent, msg: "the URL cannot be used"}
	}
	for name, v := range headers {
		r.Header.Set(name, v)
	}
	if err := intercom.BeforeSend(ctx, r.Method, r.URL.Path); err != nil {
		return err
	}
	now := strconv.FormatInt(p.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", p.agent)
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", now)
	r.Header.Set("Webhook-Signature", "v1,"+p.sign(id, now, body))
	resp, err := p.client.Do(r)
	if err != nil {
		return unsent(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	return judge(resp.StatusCode)
}

func (p *Poster) sign(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// unsent is the error of a request without an answer, without the URL: it may hold a secret.
func unsent(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err() // the service stops; it says nothing of the receiver
	}
	if refused, ok := errors.AsType[*postError](err); ok {
		return refused
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return &postError{class: intercom.Retry, msg: "no answer in time"}
		}
		err = e.Err
	}
	return &postError{class: intercom.Retry, msg: "cannot be reached: " + intercom.Presentable(err).Error()}
}

func judge(status int) error {
	msg := fmt.Sprintf("answered %d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return &postError{class: intercom.Retry, status: status, msg: msg}
	}
	return &postError{class: intercom.Permanent, status: status, msg: msg}
}
