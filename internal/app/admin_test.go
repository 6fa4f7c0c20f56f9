package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAdmin_validate(t *testing.T) {
	const long = "a-token-of-more-than-16-bytes"
	for name, tt := range map[string]struct {
		o      Admin
		listen string
		want   string
	}{
		"this machine":            {Admin{}, "127.0.0.1:9090", ""},
		"this machine, short":     {Admin{Token: "x"}, "127.0.0.1:9090", ""},
		"everybody":               {Admin{}, ":9090", "for everybody"},
		"everybody, short":        {Admin{Token: "x"}, ":9090", "SWITCHBOARD_ADMIN_TOKEN is too short"},
		"everybody, short view":   {Admin{Token: long, ViewToken: "x"}, ":9090", "SWITCHBOARD_VIEW_TOKEN is too short"},
		"everybody, people":       {Admin{Access: "people.yaml"}, ":9090", ""},
		"everybody, a token":      {Admin{Token: long}, ":9090", ""},
		"view may do everything":  {Admin{Token: long, ViewToken: long}, ":9090", "are the same"},
		"a certificate, no key":   {Admin{CertFile: "c"}, "127.0.0.1:9090", "belong together"},
		"a key without one":       {Admin{KeyFile: "k"}, "127.0.0.1:9090", "belong together"},
		"no console":              {Admin{}, "", ""},
		"a name that is not here": {Admin{}, "ops.acme.test:9090", "for everybody"},
	} {
		err := errors.Join(tt.o.validate(tt.listen)...)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), long) {
			t.Errorf("%s: %v shows the token", name, err)
		}
	}
}

// TestSessionSecret: replicas with the same secrets have the same, and nobody else.
func TestSessionSecret(t *testing.T) {
	of := func(token string, secrets ...string) string {
		return string((&App{o: Options{Token: token, Secrets: secrets}}).sessionSecret())
	}
	if again := of("t", "s"); again != of("t", "s") {
		t.Error("replicas have different secrets")
	}
	if of("t", "s") == of("t", "other") || of("t", "s") == of("other", "s") {
		t.Error("other secrets make the same")
	}
}

func writeCertificate(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCertificate_renewed: a new one is taken, a broken one is not.
func TestCertificate_renewed(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := &certificate{certFile: cert, keyFile: key, log: slog.New(slog.NewTextHandler(&log, nil))}
		if err := c.load(); err == nil {
			t.Error("there is none yet")
		}
		shows := func(want string) {
			t.Helper()
			pair, err := c.get(nil)
			if err != nil || pair.Leaf.Subject.CommonName != want {
				t.Errorf("%v %v, want %s", pair, err, want)
			}
		}
		writeCertificate(t, cert, key, "one")
		if err := c.load(); err != nil {
			t.Fatal(err)
		}
		writeCertificate(t, cert, key, "two")
		shows("one")
		time.Sleep(certificateFor)
		shows("two")
		if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(certificateFor)
		shows("two")
		if !strings.Contains(log.String(), "the one of before is used") {
			t.Error("nobody is told")
		}
	})
}
