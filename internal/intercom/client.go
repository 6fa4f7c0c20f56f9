package intercom

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Version is the version of the API that the client speaks.
const Version = "2.14"

// Options configure a Client.
type Options struct {
	// BaseURL is where the API is, such as RegionURL gives.
	BaseURL string
	// Token is the access token of the app.
	Token string
	// Budget is the gate that every call passes; required.
	Budget Budget
	// HTTP sends the calls; nil means a transport of the client's own. Only its Transport is
	// used, which should not speak HTTP/2 (newTransport says why).
	HTTP *http.Client
	// Timeout bounds one call from sending to the end of the answer; 0 means 20 s. Waiting
	// for the budget is not part of it.
	Timeout time.Duration
	// Now is the clock that times of answers are compared with; nil means time.Now.
	Now func() time.Time
	// UserAgent is sent with every call; empty means "switchboard".
	UserAgent string
	// Registerer takes the metrics; nil registers nothing.
	Registerer prometheus.Registerer
	// Logger takes a line per call at level debug; nil logs nothing.
	Logger *slog.Logger
}

// defaultTimeout is Options.Timeout when that is 0.
const defaultTimeout = 20 * time.Second

// Client calls Intercom's REST API. It is safe for concurrent use.
type Client struct {
	base  string        // without a slash at the end
	token func() string // not a string, so that printing a Client cannot show it
	// The calls go to the transport without an http.Client, which would follow redirects with
	// the token and quote addresses of the server's choosing in errors.
	transport http.RoundTripper
	budget    Budget
	timeout   time.Duration
	agent     string
	metrics   *callMetrics
	log       *slog.Logger
	now       func() time.Time
	clock     atomic.Pointer[reading]
}

// New makes a client. It makes no calls.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	// The value is in no message: it is, or is meant to be, a secret.
	if o.Token == "" {
		return nil, errors.New("intercom: the access token is empty")
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("intercom: the access token contains spaces, line ends or other characters that no token has")
	}
	if o.Budget == nil {
		return nil, errors.New("intercom: a budget is required")
	}
	c := &Client{
		base:    base,
		token:   func() string { return o.Token },
		budget:  o.Budget,
		timeout: o.Timeout,
		agent:   o.UserAgent,
		metrics: newCallMetrics(o.Registerer),
		log:     o.Logger,
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.agent == "" {
		c.agent = "switchboard"
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now = o.Now; c.now == nil {
		c.now = time.Now
	}
	c.transport = newTransport()
	if o.HTTP != nil && o.HTTP.Transport != nil {
		c.transport = o.HTTP.Transport
	}
	return c, nil
}

// newTransport reuses connections: a call over a new one takes three round trips longer. It
// speaks HTTP/1.1 only. There the transport repeats a POST by itself only when not one byte
// of it was written to a connection that had died; over HTTP/2 it does so as well when the
// server resets the stream with a protocol error, whatever the server did before.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		Protocols:           protocols,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     60 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

// RegionURL is the address of the API in a region: us, eu or au.
func RegionURL(region string) (string, error) {
	switch region {
	case "us":
		return "https://api.intercom.io", nil
	case "eu":
		return "https://api.eu.intercom.io", nil
	case "au":
		return "https://api.au.intercom.io", nil
	}
	return "", fmt.Errorf("intercom: region is %q; it must be us, eu or au", region)
}

func baseURL(s string) (string, error) {
	// The value is in no message, because an address may hold a password.
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("intercom: the base URL is not a URL")
	case (u.Scheme != "https" && u.Scheme != "http") || u.Host == "":
		return "", errors.New("intercom: the base URL must begin with https:// or http:// and name a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("intercom: the base URL must have no user, query or fragment")
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

// Now is the time on the clock that times of answers are compared with.
func (c *Client) Now() time.Time { return c.now() }

// reading is what an answer told of Intercom's clock.
type reading struct {
	skew   time.Duration
	theirs time.Time // on Intercom's clock
	at     time.Time // on this machine's, which counts on whatever it is set to
}

// Skew is how far Intercom's clock is ahead of Now, as of the last answer; negative when it
// is behind. Differences that may as well come from rounding and travel are 0. Times in
// answers are compared with ours only after adding it to ours.
func (c *Client) Skew() time.Duration {
	if r := c.clock.Load(); r != nil {
		return r.skew
	}
	return 0
}

// TheirNow is the time on Intercom's clock, rounded down as Skew is, and the same whatever becomes
// of ours. It is not known before the first answer.
func (c *Client) TheirNow() (now time.Time, known bool) {
	r := c.clock.Load()
	if r == nil {
		return time.Time{}, false
	}
	return r.theirs.Add(time.Since(r.at)), true
}

// noteSkew learns from an answer to a call that was sent at sent and came back at now. Date is
// the second in which the answer was made, some time between the two. The difference is
// rounded down, so that nothing which came after a moment seems to have come before it.
func (c *Client) noteSkew(date, sent, now time.Time) {
	if now.Sub(sent) > 2*time.Second {
		return // it would tell too little
	}
	least, most := date.Sub(now), date.Add(time.Second).Sub(sent)
	if least <= time.Second && most >= -time.Second {
		least = 0
	}
	c.clock.Store(&reading{skew: least, theirs: now.Add(least), at: time.Now()})
}
