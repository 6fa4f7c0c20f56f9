package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"switchboard/internal/intercom"
)

// How long a certificate should be good at least.
const soonExpired, nearlyExpired = 14 * 24 * time.Hour, 2 * 24 * time.Hour

// publicURL asks the address that Intercom sends to as Intercom does when somebody enters it.
func publicURL(ctx context.Context, p *Patient) []Finding {
	if p.PublicURL == "" {
		return []Finding{note("not looked at: no address is given", "name it with --public-url https://your-host/webhooks/intercom")}
	}
	u, err := url.Parse(p.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return []Finding{fail(fmt.Sprintf("Intercom sends to https addresses only, and %q is none", p.PublicURL), "put TLS in front of the service: deploy/README.md shows how")}
	}
	resp, err := p.head(ctx)
	if err != nil {
		return []Finding{unreachable(p.PublicURL, err)}
	}
	_ = resp.Body.Close()
	found := expiry(resp.TLS, p.now())
	if resp.StatusCode != http.StatusOK {
		found = append(found, fail(fmt.Sprintf("%s answers a HEAD request with %s, and Intercom wants 200", p.PublicURL, resp.Status), "see the proxy in front of the service, and the path, which is /webhooks/intercom"))
	}
	return anyOr(found, "%s answers, and its certificate is good until %s", p.PublicURL, goodUntil(resp.TLS).UTC().Format(time.DateOnly))
}

// head makes the request. Redirects are not followed: Intercom does not follow them either.
func (p *Patient) head(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.PublicURL, nil)
	if err != nil {
		return nil, err
	}
	transport := p.Transport
	if transport == nil {
		own := &http.Transport{Proxy: http.ProxyFromEnvironment}
		defer own.CloseIdleConnections()
		transport = own
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

// unreachable says why there was no answer.
func unreachable(address string, err error) Finding {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		fix := "give the server the whole chain, and a certificate for this name from an authority that everybody trusts"
		if expired, ok := errors.AsType[x509.CertificateInvalidError](bad.Err); ok && expired.Reason == x509.Expired {
			fix = "renew the certificate"
		}
		return fail("the certificate of "+address+" is not accepted: "+bad.Err.Error(), fix)
	}
	return fail(fmt.Sprintf("%s does not answer: %s", address, intercom.Presentable(err)), "see whether the name leads here, whether the proxy runs, and whether a firewall is in the way; from inside a network this may fail where Intercom succeeds")
}

// goodUntil is when the first certificate of the chain that was sent expires.
func goodUntil(state *tls.ConnectionState) (until time.Time) {
	for _, c := range state.PeerCertificates {
		if until.IsZero() || c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	return until
}

func expiry(state *tls.ConnectionState, now time.Time) []Finding {
	left := goodUntil(state).Sub(now)
	text := fmt.Sprintf("the certificate expires in %s", ago(left))
	const fix = "renew it, and see why that did not happen by itself"
	switch {
	case left < nearlyExpired:
		return []Finding{fail(text, fix)}
	case left < soonExpired:
		return []Finding{warn(text, fix)}
	}
	return nil
}
