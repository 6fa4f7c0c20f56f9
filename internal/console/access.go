package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Role is what somebody may do.
type Role string

// The roles. Open is that of routes which ask nobody who they are.
const (
	Open    Role = "open"
	View    Role = "view"    // reads
	Operate Role = "operate" // reads and changes
)

// rank orders the roles; it is negative for what is none.
func (r Role) rank() int {
	switch r {
	case Open:
		return 0
	case View:
		return 1
	case Operate:
		return 2
	}
	return -1
}

// Access is somebody who was let in, and what they may do.
type Access struct {
	Name string
	Role Role
}

// Person is somebody who may come in with a token, of which only the hash is known.
type Person struct {
	Access
	SHA256 [sha256.Size]byte
}

// NewPerson is somebody with a token.
func NewPerson(name string, role Role, token string) Person {
	return Person{Access{name, role}, sha256.Sum256([]byte(token))}
}

// identity is who asks, and by what they are known.
type identity struct {
	Access
	by proof
}

type proof int

const (
	byMachine proof = iota // there are no tokens: whoever is on this machine
	byBearer
	byPassword
	byCookie
)

type identityKey struct{}

// caller is who asks. On routes that are open it is nobody.
func caller(ctx context.Context) Access { return identityOf(ctx).Access }

func identityOf(ctx context.Context) identity {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id
}

// denial is why somebody is not let in.
type denial struct {
	status int
	words  string
	wait   time.Duration // before they may try again
}

// admit lets in who may, and answers who may not. This is the one place where a request gets a name: what
// hangs on it, such as who did something, is put into the context here.
func (c *Console) admit(w http.ResponseWriter, r *http.Request, needs Role) (*http.Request, bool) {
	if needs == Open {
		return r, true
	}
	id, no := c.who(r)
	if no == nil && id.Role.rank() < needs.rank() {
		no = &denial{status: http.StatusForbidden, words: "this needs the role " + string(needs) + ", and " + id.Name + " has " + string(id.Role)}
	}
	if no != nil {
		c.deny(w, r, *no)
		return r, false
	}
	if id.by == byCookie {
		c.renew(w, r, id.Access)
	}
	return r.WithContext(context.WithValue(r.Context(), identityKey{}, id)), true
}

// who tells who asks.
func (c *Console) who(r *http.Request) (identity, *denial) {
	if c.o.People == nil {
		if !local(r.Host) || forwarded(r) {
			return identity{}, &denial{status: http.StatusForbidden, words: "without an admin token the console is for this machine: use the address 127.0.0.1, or set SWITCHBOARD_ADMIN_TOKEN"}
		}
		return identity{Access{"local", Operate}, byMachine}, nil
	}
	token, by := credentials(r)
	if token == "" {
		if access, ok := c.session(r); ok {
			return identity{access, byCookie}, nil
		}
		return identity{}, &denial{status: http.StatusUnauthorized, words: "send your token (such as SWITCHBOARD_ADMIN_TOKEN) as a bearer token or as the password, or log in at /login"}
	}
	access, no := c.check(r, token, false)
	return identity{access, by}, no
}

// credentials are the token that a request carries; empty when it has none.
func credentials(r *http.Request) (token string, by proof) {
	header := r.Header.Get("Authorization")
	if scheme, rest, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest), byBearer
	}
	_, token, _ = r.BasicAuth()
	return token, byPassword
}

// check finds whose token it is, within the limits on guessing. At the form the limit for all counts before
// the token is looked at. Elsewhere whoever has a right token comes in, whatever goes on at other addresses.
func (c *Console) check(r *http.Request, token string, form bool) (Access, *denial) {
	var person Person
	from, people := c.from(r), c.o.People() // who may read a file, which the limits do not wait for
	ok, wait := c.limits.try(from, form, func() (found bool) {
		person, found = find(people, token)
		return found
	})
	switch {
	case ok:
		return person.Access, nil
	case wait > 0:
		c.refused.WithLabelValues("limited").Inc()
		return Access{}, &denial{status: http.StatusTooManyRequests, words: "too many wrong tokens came from there: try again later", wait: wait}
	}
	c.refused.WithLabelValues("wrong").Inc()
	c.o.Logger.WarnContext(r.Context(), "a wrong token was refused", "from", from, "path", r.URL.Path)
	return Access{}, &denial{status: http.StatusUnauthorized, words: "this token is not known here (that of the service is in SWITCHBOARD_ADMIN_TOKEN)"}
}

// find looks at everybody, so that the time it takes tells nothing. Hashes have one length.
func find(people []Person, token string) (who Person, ok bool) {
	given := sha256.Sum256([]byte(token))
	for _, p := range people {
		if subtle.ConstantTimeCompare(p.SHA256[:], given[:]) == 1 {
			who, ok = p, true
		}
	}
	return who, ok
}

// deny answers who is not let in: a person at a browser with the form, everybody else with words.
func (c *Console) deny(w http.ResponseWriter, r *http.Request, no denial) {
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(no.wait.Seconds())+1))
	}
	if no.status == http.StatusUnauthorized {
		if r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, loginAddress(r), http.StatusSeeOther)
			return
		}
		challenge := `Basic realm="switchboard", charset="UTF-8"`
		if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
			challenge = `Bearer realm="switchboard"` // a script of ours asks: no window shall pop up
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	_ = refuse(w, r, no.status, no.words)
}

// refuse answers with words, in the form that whoever asked understands.
func refuse(w http.ResponseWriter, r *http.Request, status int, words string) error {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return answerJSON(w, status, problem{words})
	}
	http.Error(w, words, status)
	return nil
}

// local tells whether a request was addressed to this machine itself. A name that an attacker has
// resolve to it is not: a browser would take their page for ours.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// forwarded tells whether a proxy says that it asks for somebody else.
func forwarded(r *http.Request) bool {
	return r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
}

// from is the address that a request came from. Of what proxies say, only the last word of one that is
// trusted counts: it wrote that itself.
func (c *Console) from(r *http.Request) netip.Addr {
	peer := addressOf(r.RemoteAddr)
	if !c.trusted(peer) {
		return peer
	}
	said := r.Header.Values("X-Forwarded-For")
	if len(said) == 0 {
		return peer
	}
	hops := strings.Split(said[len(said)-1], ",")
	if addr := addressOf(strings.TrimSpace(hops[len(hops)-1])); addr.IsValid() {
		return addr
	}
	return peer
}

func addressOf(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap()
	}
	addr, _ := netip.ParseAddr(text) // not valid when it is none
	return addr.Unmap().WithZone("")
}

// trusted tells whether an address is that of a proxy which may say for whom it asks.
func (c *Console) trusted(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	for _, p := range c.o.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// encrypted tells whether whoever asks has a connection that nobody else reads.
func (c *Console) encrypted(r *http.Request) bool {
	return r.TLS != nil || (c.trusted(addressOf(r.RemoteAddr)) && r.Header.Get("X-Forwarded-Proto") == "https")
}
