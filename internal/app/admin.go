package app

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"switchboard/internal/console"
)

// Admin are the settings of the admin address.
type Admin struct {
	Token     string // may do everything
	ViewToken string // may read
	Access    string // file of people
	// CertFile and KeyFile are for TLS; both or none.
	CertFile, KeyFile string
	Proxies           []netip.Prefix // that may say for whom they ask, beside this machine
	HideText          bool           // customers' text, from those who may only read
}

// leastToken is how many bytes a token has where everybody can reach the console.
const leastToken = 16

func (o Admin) validate(listen string) (errs []error) {
	if o.Token != "" && o.Token == o.ViewToken {
		errs = append(errs, errors.New("SWITCHBOARD_ADMIN_TOKEN and SWITCHBOARD_VIEW_TOKEN are the same: whoever may read could change"))
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		errs = append(errs, errors.New("admin-tls-cert and admin-tls-key belong together: name both or none"))
	}
	if loopback(listen) {
		return errs
	}
	if o.Token == "" && o.ViewToken == "" && o.Access == "" {
		errs = append(errs, fmt.Errorf("the console would listen on %s for everybody: set SWITCHBOARD_ADMIN_TOKEN, or listen on 127.0.0.1", listen))
	}
	for name, token := range map[string]string{"SWITCHBOARD_ADMIN_TOKEN": o.Token, "SWITCHBOARD_VIEW_TOKEN": o.ViewToken} {
		if token != "" && len(token) < leastToken {
			errs = append(errs, fmt.Errorf("%s is too short for a console that listens on %s: use at least %d bytes, such as switchboard token prints", name, listen, leastToken))
		}
	}
	return errs
}

// people are those who may come in; nil when there are no tokens.
func (a *App) people() (func() []console.Person, error) {
	o := a.o.Admin
	var fixed []console.Person
	if o.Token != "" {
		fixed = append(fixed, console.NewPerson("admin", console.Operate, o.Token))
	}
	if o.ViewToken != "" {
		fixed = append(fixed, console.NewPerson("viewer", console.View, o.ViewToken))
	}
	if len(fixed) == 0 && o.Access == "" {
		return nil, nil
	}
	people, problems := console.OpenPeople(fixed, o.Access, a.component("console"))
	if people == nil {
		p := problems[0]
		return nil, fmt.Errorf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
	return people.Now, nil
}

// sessionSecret signs the sessions of the console. It is made of what all replicas have and no file that
// people review holds.
func (a *App) sessionSecret() []byte {
	all := []string{"switchboard console", a.o.Token, strings.Join(a.o.Secrets, "\x00")}
	for _, w := range a.o.Workspaces {
		all = append(all, w.ID, w.Token, strings.Join(w.Secrets, "\x00"))
	}
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00\x00")))
	return sum[:]
}

func (a *App) adminTLS() (*tls.Config, error) {
	if a.o.Admin.CertFile == "" {
		return nil, nil
	}
	p := &certificate{certFile: a.o.Admin.CertFile, keyFile: a.o.Admin.KeyFile, log: a.component("console")}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("admin-tls-cert and admin-tls-key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: p.get}, nil
}

// certificate is read again now and then, so that a renewed one is taken without a restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	current *tls.Certificate
}

// certificateFor is how long the files are taken for unchanged.
const certificateFor = 10 * time.Second

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	c.looked = time.Now()
	if err == nil {
		c.current = &pair
	}
	return err
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= certificateFor {
		if err := c.load(); err != nil {
			c.log.Error("the certificate of the console cannot be read: the one of before is used", "err", err)
		}
	}
	return c.current, nil
}
