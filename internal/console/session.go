package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A session is a cookie that names somebody and when it ends, signed. The key is made of a secret of the
// service and the hash of their token. So it holds on all replicas and after a restart, and ends when their
// token is changed or taken away; and who can read the hashes cannot sign.
const (
	sessionCookie = "switchboard_session"
	sessionFor    = 12 * time.Hour
	// renewAfter is how old a session is before a request makes it new.
	renewAfter = time.Hour
)

// session is who a request's cookie stands for.
func (c *Console) session(r *http.Request) (Access, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Access{}, false
	}
	name, ends, mac, err := parseSession(cookie.Value)
	if err != nil || !time.Now().Before(ends) || time.Until(ends) > sessionFor {
		return Access{}, false
	}
	person, ok := c.person(name)
	if !ok || !hmac.Equal(mac, c.sign(person, ends)) {
		return Access{}, false
	}
	return person.Access, true
}

func (c *Console) person(name string) (Person, bool) {
	for _, p := range c.o.People() {
		if p.Name == name {
			return p, true
		}
	}
	return Person{}, false
}

// sign is the signature of a session.
func (c *Console) sign(p Person, ends time.Time) []byte {
	key := hmac.New(sha256.New, c.secret)
	key.Write([]byte("session\x00"))
	key.Write(p.SHA256[:])
	mac := hmac.New(sha256.New, key.Sum(nil))
	mac.Write([]byte(strconv.FormatInt(ends.Unix(), 10) + "\x00" + p.Name))
	return mac.Sum(nil)
}

// mostCookie is how long a cookie of ours can be at the most.
const mostCookie = 512

var errSession = errors.New("this is no session")

// formatSession is what the cookie holds: NAME.END.SIGNATURE, the first and the last in base64.
func formatSession(name string, ends time.Time, mac []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(name)) + "." + strconv.FormatInt(ends.Unix(), 10) + "." + base64.RawURLEncoding.EncodeToString(mac)
}

func parseSession(text string) (name string, ends time.Time, mac []byte, err error) {
	parts := strings.Split(text, ".")
	if len(text) > mostCookie || len(parts) != 3 {
		return "", time.Time{}, nil, errSession
	}
	strict := base64.RawURLEncoding.Strict()
	who, err1 := strict.DecodeString(parts[0])
	seconds, err2 := strconv.ParseInt(parts[1], 10, 64)
	mac, err3 := strict.DecodeString(parts[2])
	if err1 != nil || err2 != nil || err3 != nil || len(mac) != sha256.Size || formatSession(string(who), time.Unix(seconds, 0), mac) != text {
		return "", time.Time{}, nil, errSession
	}
	return string(who), time.Unix(seconds, 0), mac, nil
}

// start begins the session of somebody.
func (c *Console) start(w http.ResponseWriter, r *http.Request, name string) {
	person, ok := c.person(name)
	if !ok {
		return // taken away meanwhile
	}
	ends := time.Now().Add(sessionFor).Truncate(time.Second)
	c.setCookie(w, r, formatSession(name, ends, c.sign(person, ends)), int(sessionFor.Seconds()))
}

// renew makes the session of somebody who uses it new.
func (c *Console) renew(w http.ResponseWriter, r *http.Request, who Access) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return
	}
	if _, ends, _, err := parseSession(cookie.Value); err == nil && time.Until(ends) < sessionFor-renewAfter {
		c.start(w, r, who.Name)
	}
}

// setCookie sets the cookie for maxAge seconds; negative takes it away.
func (c *Console) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	w.Header().Del("Set-Cookie") // of the session that was made new before a logout
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.encrypted(r),
	})
}
