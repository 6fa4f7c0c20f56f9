package main

import (
	"errors"
	"log/slog"

	"switchboard/internal/app"
	"switchboard/internal/console"
	"switchboard/internal/diag"
)

// adminFlags are the settings of who may use the console, and how.
type adminFlags struct {
	Access       string   `help:"File that names people who may use the console, with their roles; see docs/operations.md." env:"SWITCHBOARD_ACCESS" placeholder:"FILE"`
	AdminTLSCert string   `name:"admin-tls-cert" help:"Certificate of the console, in PEM; read again when it changes." env:"SWITCHBOARD_ADMIN_TLS_CERT" placeholder:"FILE"`
	AdminTLSKey  string   `name:"admin-tls-key" help:"Key of that certificate, in PEM." env:"SWITCHBOARD_ADMIN_TLS_KEY" placeholder:"FILE"`
	AdminProxy   []string `help:"Networks of proxies before the console whose X-Forwarded headers count; those on this machine always do." env:"SWITCHBOARD_ADMIN_PROXY" placeholder:"CIDR"`
	HideText     bool     `help:"Keep what customers wrote, and what is known of them, from those who may only read." env:"SWITCHBOARD_HIDE_TEXT"`
}

func (f adminFlags) admin() (app.Admin, error) {
	token, err1 := secret("SWITCHBOARD_ADMIN_TOKEN")
	view, err2 := secret("SWITCHBOARD_VIEW_TOKEN")
	proxies, err3 := networks("admin-proxy", f.AdminProxy)
	return app.Admin{
		Token: token, ViewToken: view, Access: f.Access, CertFile: f.AdminTLSCert, KeyFile: f.AdminTLSKey, Proxies: proxies, HideText: f.HideText,
	}, errors.Join(err1, err2, err3)
}

// checkAccess shows the problems of the file of people.
func (f adminFlags) checkAccess(io streams) error {
	people, problems := console.OpenPeople(nil, f.Access, slog.New(slog.DiscardHandler))
	if people != nil {
		return nil
	}
	if err := diag.WriteText(io.err, problems, colorful(io.err)); err != nil {
		return err
	}
	return exitError(exitProblems)
}
