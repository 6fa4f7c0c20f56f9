package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"switchboard/internal/engine"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// setDefaults fills in what was left out.
func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
		o.Registry.MustRegister(collectors.NewGoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	o.Registry.MustRegister(buildInfo(o.Version))
	if o.LoadRules == nil {
		o.LoadRules = rules.Load
	}
	if o.KeepFacts == 0 {
		o.KeepFacts = time.Minute
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second // shorter than the grace period, so that a stop can be clean
	}
	if o.RecoverEvery == 0 {
		o.RecoverEvery = 5 * time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = engine.DefaultMaxAge
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
}

// mostBody is how many bytes a notification may have at the most: the store has its bounds.
const mostBody = 32 << 20

// validateWorkspaces refuses what several workspaces cannot have.
func (o *Options) validateWorkspaces() (errs []error) {
	ids, names := map[string]bool{}, map[string]bool{}
	for _, w := range o.Workspaces {
		u, err := url.Parse(w.BaseURL)
		switch {
		case w.ID == "" || w.Name == "":
			errs = append(errs, errors.New("a workspace has no app id or no name"))
		case ids[w.ID] || names[w.Name]:
			errs = append(errs, fmt.Errorf("the workspace %s is there twice", w.Name))
		case w.Token == "" || len(w.Secrets) == 0 || slices.Contains(w.Secrets, ""):
			errs = append(errs, fmt.Errorf("the workspace %s lacks an access token or a client secret", w.Name))
		case len(w.Rules) == 0:
			errs = append(errs, fmt.Errorf("the workspace %s has no rules", w.Name))
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			errs = append(errs, fmt.Errorf("the workspace %s has the base URL %q: write one such as https://api.intercom.io", w.Name, w.BaseURL))
		}
		ids[w.ID], names[w.Name] = true, true
	}
	return errs
}

// leastTakeover leaves half a second between two signs of life.
const leastTakeover = 3 * time.Second

// Validate refuses settings that cannot work, naming the setting, the value and what would
// be accepted.
func (o *Options) Validate() error {
	errs := o.validateWorkspaces()
	if len(o.Workspaces) == 0 && strings.TrimSpace(o.Token) == "" {
		errs = append(errs, errors.New("no access token: set INTERCOM_ACCESS_TOKEN (Developer Hub, your app, Configure, Authentication)"))
	}
	if len(o.Workspaces) == 0 && len(o.Secrets) == 0 {
		errs = append(errs, errors.New("no client secret: set INTERCOM_CLIENT_SECRET (Developer Hub, your app, Basic information)"))
	}
	if !(o.Share >= 0 && o.Share <= 1) { // so written that NaN is refused
		errs = append(errs, fmt.Errorf("budget share %v: give a part of the rate limit above 0 and up to 1, such as 0.8", o.Share))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"concurrency", int64(o.Concurrency)},
		{"max attempts", int64(o.MaxAttempts)},
		{"max body", o.MaxBody},
		{"settle", int64(o.Settle)},
		{"retention", int64(o.Retention)},
		{"max age", int64(o.MaxAge)},
		{"recover overlap", int64(o.RecoverOverlap)},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", n.name))
		}
	}
	if o.MaxBody > mostBody {
		errs = append(errs, fmt.Errorf("max body %d: at most %d bytes can be stored", o.MaxBody, mostBody))
	}
	if o.Takeover != 0 && o.Takeover < leastTakeover {
		errs = append(errs, fmt.Errorf("takeover %s: a replica needs at least %s to be heard of", o.Takeover, leastTakeover))
	}
	for _, secret := range o.Secrets {
		if secret == "" {
			errs = append(errs, errors.New("one of the client secrets in INTERCOM_CLIENT_SECRET is empty: anybody could sign with it"))
		}
	}
	if err := store.CheckURL(o.Database); err != nil {
		errs = append(errs, err)
	}
	if u, err := url.Parse(o.BaseURL); len(o.Workspaces) == 0 && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		errs = append(errs, fmt.Errorf("base URL %q: write one such as https://api.intercom.io", o.BaseURL))
	}
	for _, address := range []string{o.Listen, o.AdminListen} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			errs = append(errs, fmt.Errorf("address %q: write host:port, or :port for all addresses", address))
			return errors.Join(errs...)
		}
	}
	errs = append(errs, o.Admin.validate(o.AdminListen)...)
	return errors.Join(errs...)
}

// loopback tells whether an address can be reached from this machine alone.
func loopback(address string) bool {
	if address == "" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "switchboard_build_info", Help: "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	return info
}
