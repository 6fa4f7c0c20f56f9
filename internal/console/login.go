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

// Login is a login, a logout, or a token that was refused (then Access is empty).
type Login struct {
	What string // login, logout, refused
	Access
	From string
}

func (c *Console) audit(r *http.Request, what string, who Access) {
	if c.o.Audit != nil {
		c.o.Audit(r.Context(), Login{What: what, Access: who, From: c.from(r).String()})
	}
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
	c.audit(r, "login", who)
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
	c.audit(r, "logout", caller(r.Context()))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}
