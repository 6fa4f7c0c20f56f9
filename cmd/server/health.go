package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

type healthCmd struct {
	URL     string        `name:"url" help:"Address of the running service's console." default:"http://127.0.0.1:9090" env:"SWITCHBOARD_ADMIN_URL"`
	Live    bool          `help:"Ask only whether the process answers (/healthz), not whether it takes events (/readyz)."`
	Timeout time.Duration `help:"Time allowed for the answer." default:"3s"`
}

// Help is shown below the flags.
func (*healthCmd) Help() string {
	return `Asks a running service for its /readyz and prints what keeps it from being ready. For health checks
where there is no curl, such as in the container image. It needs no token. The certificate of a
loopback address is not checked, since it is made out to another name.

Examples:
  switchboard health
  switchboard health --live --url https://127.0.0.1:9443

Exit code: 0 ready, 1 not ready, 2 wrong usage, 3 it does not answer.`
}

// Run asks once.
func (c *healthCmd) Run(ctx context.Context, io streams) error {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return usageError{fmt.Errorf("--url %q: write an address such as http://127.0.0.1:9090", c.URL)}
	}
	if c.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %s: it must be more than 0", c.Timeout)}
	}
	path := "readyz"
	if c.Live {
		path = "healthz"
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	resp, err := getHealth(ctx, base.JoinPath(path))
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return c.report(io, resp)
}

// getHealth sends no secret, so it may ask a loopback address whose certificate has another name.
func getHealth(ctx context.Context, address *url.URL) (*http.Response, error) {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:           nil,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: loopback(address.Hostname())}, //nolint:gosec // loopback only
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// report prints the checks that fail, and is an error unless the answer is 200.
func (c *healthCmd) report(io streams, resp *http.Response) error {
	if err := printFailing(io.out, resp.Body); err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusServiceUnavailable:
		_, _ = fmt.Fprintln(io.err, "switchboard: not ready")
		return exitError(exitProblems)
	}
	return fmt.Errorf("what answers at %s (%s) is no switchboard: name the console with --url", c.URL, resp.Status)
}

// printFailing prints each check that fails. What is not the answer of /readyz has none.
func printFailing(w io.Writer, body io.Reader) error {
	var answer struct {
		Checks []struct {
			Name, Detail string
			OK, Advisory bool
		}
	}
	_ = json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&answer)
	for _, check := range answer.Checks {
		if check.OK {
			continue
		}
		note := ""
		if check.Advisory {
			note = " (advisory)"
		}
		if _, err := fmt.Fprintf(w, "%s%s: %s\n", check.Name, note, check.Detail); err != nil {
			return err
		}
	}
	return nil
}
