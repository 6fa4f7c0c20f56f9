package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// policy lets pages use what comes from here, and nothing that stands in them: no script, no style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers puts on every answer what keeps browsers from doing harm with it.
func (c *Console) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// crossSite knows requests that a page of another site had a browser make.
var crossSite = http.NewCrossOriginProtection()

// sameSite refuses changes that a page of another site had a browser make. Bearer tokens are not sent by
// browsers by themselves. A browser that does not say where a form came from must send the word that only
// our pages know; JSON is not sent across sites without a question before.
func (c *Console) sameSite(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || identityOf(r.Context()).by == byBearer {
		return true
	}
	if err := crossSite.Check(r); err != nil {
		_ = refuse(w, r, http.StatusForbidden, "this came from a page of another site")
		return false
	}
	if strings.HasPrefix(r.URL.Path, "/api/") && !isJSON(r) {
		_ = refuse(w, r, http.StatusUnsupportedMediaType, "send JSON, with Content-Type: application/json")
		return false
	}
	if r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || isJSON(r) {
		return true
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if !hmac.Equal([]byte(r.PostFormValue("csrf")), []byte(c.formWord(r))) {
		_ = refuse(w, r, http.StatusForbidden, "this form is not from here or too old: load the page again")
		return false
	}
	return true
}

// mostForm is how many bytes a form may have.
const mostForm = 64 << 10

// formWord is what forms send in the hidden field csrf. It is another for everybody.
func (c *Console) formWord(r *http.Request) string {
	mac := hmac.New(sha256.New, c.secret)
	mac.Write([]byte("form\x00" + caller(r.Context()).Name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
