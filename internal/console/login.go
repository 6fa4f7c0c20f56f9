package console

import (
	"net/http"
	"net/url"
	"strings"
)

// loginForm is what the page to log in shows.
type loginForm struct {
	Next    string // where to go then
	Refused string
	CSRF    string
}

func loginAddress(r *http.Request) string {
	return "/login?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
}

// ownPath is a path of ours, whatever was asked for: nobody is sent elsewhere after the login.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, "login.html", loginForm{Next: ownPath(r.FormValue("next")), CSRF: c.formWord(r)})
}

// login begins a session for whoever has a right token.
func (c *Console) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	next := ownPath(r.PostFormValue("next"))
	if c.o.People == nil { // there is nothing to log in with
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	who, no := c.check(r, strings.TrimSpace(r.PostFormValue("token")), true)
	if no != nil {
		return c.loginAgain(w, r, *no, next)
	}
	c.start(w, r, who.Name)
	c.o.Logger.InfoContext(r.Context(), "somebody logged in", "name", who.Name, "role", who.Role, "from", c.from(r))
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (c *Console) loginAgain(w http.ResponseWriter, r *http.Request, no denial, next string) error {
	if no.wait > 0 {
		c.deny(w, r, no)
		return nil
	}
	return c.showStatus(w, no.status, "login.html", loginForm{Next: next, Refused: no.words, CSRF: c.formWord(r)})
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) error {
	c.setCookie(w, r, "", -1)
	c.o.Logger.InfoContext(r.Context(), "somebody logged out", "name", caller(r.Context()).Name, "from", c.from(r))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
