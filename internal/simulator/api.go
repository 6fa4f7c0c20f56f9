package simulator

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// maxRequest bounds the body of a call: ten attached files of a few megabytes.
const maxRequest = 64 << 20

// call is one API call while it is carried out, under the simulator's lock.
type call struct {
	*Simulator
	r     *http.Request
	body  []byte
	now   time.Time
	entry *Entry // what the journal will say; handlers fill in what they did
}

// handler carries a call out and returns what it is answered with: a value that is shown as
// JSON and that shares nothing with the state, or an *apiError.
type handler func(*call) (any, error)

// Endpoints lists what the API serves, as Entry.Endpoint and Fault.Endpoint name it.
func Endpoints() []string {
	out := make([]string, 0, len(routes))
	for _, r := range routes {
		out = append(out, r.endpoint())
	}
	return out
}

func (s *Simulator) router() http.Handler {
	mux := chi.NewRouter()
	for _, r := range routes {
		mux.Method(r.method, r.path, s.serve(r))
	}
	refuse := func(err *apiError) http.HandlerFunc {
		return s.serve(route{handle: func(*call) (any, error) { return nil, err }})
	}
	mux.NotFound(refuse(errNoPath))
	mux.MethodNotAllowed(refuse(errNoMethod))
	return mux
}

// serve reads the call, carries it out and answers.
func (s *Simulator) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			rt.handle = func(*call) (any, error) { return nil, badRequest("The body could not be read") }
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				rt.handle = func(*call) (any, error) { return nil, errTooLarge }
			}
		}
		a, e := s.carryOut(rt, r, body)
		if s.options.OnCall != nil {
			s.options.OnCall(e)
		}
		a.send(w, r, s.closed)
	}
}

// carryOut counts, judges and performs a call and writes it into the journal, all at one
// moment: the journal has the calls in the order of their effects.
func (s *Simulator) carryOut(rt route, r *http.Request, body []byte) (*answer, Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	a := &answer{requestID: s.requests.uuid(), latency: s.faults.latency(), skew: s.options.Skew}
	e := Entry{
		Seq: s.journal.total + 1, Time: now, Method: r.Method, Path: r.URL.Path, Endpoint: rt.endpoint(),
		Effect: EffectNone, RequestID: a.requestID,
	}
	value, err := s.judge(&call{Simulator: s, r: r, body: body, now: now, entry: &e}, rt, a)
	a.settle(value, err, &e)
	s.journal.add(e)
	return a, e
}

// judge takes a call through what may stop it, and then performs it.
func (s *Simulator) judge(c *call, rt route, a *answer) (any, error) {
	if s.outage {
		a.fault = Fault{Kind: FailBefore, Status: http.StatusServiceUnavailable}
		return nil, failed(http.StatusServiceUnavailable)
	}
	if !s.authorized(c.r) {
		return nil, errUnauthorized
	}
	if s.faults.TokenRevoked {
		a.fault = Fault{Kind: Revoked}
		return nil, errRevoked
	}
	allowed, past := s.window.take(c.now)
	if past != nil {
		s.windows.add(*past)
	}
	a.limited, a.limit, a.remaining, a.resetAt = true, s.window.limit, s.window.remaining(), s.window.resetAt()
	c.entry.Window = s.window.use.Start
	if !allowed {
		return nil, rateLimited(a.limit)
	}
	c.entry.Count = s.window.use.Used
	a.fault = s.faults.pick(rt.endpoint(), c.r.URL.Path, c.wants(rt))
	if a.fault.Kind.before() {
		return nil, a.refusal()
	}
	if !knownVersion(c.r.Header.Get("Intercom-Version")) {
		return nil, errVersion
	}
	return rt.handle(c)
}

// refusal is the error of a fault that strikes before the effect.
func (a *answer) refusal() *apiError {
	switch a.fault.Kind {
	case TooMany:
		a.remaining = 0
		return rateLimited(a.limit)
	case Revoked:
		a.limited = false
		return errRevoked
	case Restricted:
		return errRestricted
	case Forbidden:
		return errForbidden
	}
	return failed(cmp.Or(a.fault.Status, http.StatusInternalServerError))
}

// settle decides what the client will read and what the journal says of it.
func (a *answer) settle(value any, err error, e *Entry) {
	a.status, a.value = http.StatusOK, value
	if _, later := value.(accepted); later {
		a.status = http.StatusAccepted
	}
	if err != nil {
		refused, ok := errors.AsType[*apiError](err)
		if !ok {
			refused = failed(http.StatusInternalServerError)
		}
		a.refuse(refused, e)
	}
	if a.fault.Kind == FailAfter {
		a.refuse(failed(cmp.Or(a.fault.Status, http.StatusInternalServerError)), e)
	}
	if fails := a.fault.Kind == FailBefore || a.fault.Kind == FailAfter; fails && a.status > http.StatusInternalServerError {
		a.page, a.limited = proxyPage(a.status), false // a proxy answers, which knows nothing of limits
	}
	e.Status, e.Fault, e.Cut = a.status, a.fault.Kind, a.fault.Kind.cut()
	switch a.fault.Kind {
	case ResetBefore, ResetAfter, HangBefore, HangAfter:
		e.Status = 0
	}
}

func (a *answer) refuse(err *apiError, e *Entry) {
	a.status, a.value = err.status, err.json(a.requestID)
	e.Code = err.code
}

func (s *Simulator) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.options.Token != "" &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(s.options.Token)) == 1
}

// versions are those of the description of API 2.14; without a header the app's own applies.
var versions = strings.Fields("1.0 1.1 1.2 1.3 1.4 2.0 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10 2.11 2.12 2.13 2.14")

func knownVersion(version string) bool {
	return version == "" || slices.Contains(versions, version)
}

// wants is the effect that the call asks for, whether or not it will have it.
func (c *call) wants(rt route) Effect {
	if rt.effect != effectOfMessage {
		return cmp.Or(rt.effect, EffectNone)
	}
	var asked struct {
		MessageType string `json:"message_type"`
	}
	if json.Unmarshal(c.body, &asked) != nil {
		return EffectNone
	}
	return messageEffects[asked.MessageType]
}

// messageEffects are the message types of /reply and /parts.
var messageEffects = map[string]Effect{
	"comment": EffectReply, "note": EffectNote, "quick_reply": EffectReply,
	"close": EffectClose, "open": EffectOpen, "snoozed": EffectSnooze, "assignment": EffectAssign,
}

// param is a part of the path, decoded.
func (c *call) param(name string) string {
	raw := chi.URLParam(c.r, name)
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// read decodes the body, which must be a JSON object, into v. Ids may be strings or numbers;
// unknown keys are passed over.
func (c *call) read(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil // as if it were {}: the handler names what it misses
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return badRequest("Content-Type must be application/json")
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return invalid(wrong.Field, "%s has the wrong type (%s)", wrong.Field, wrong.Value)
		}
		return badRequest("The body is not a JSON object")
	}
	return nil
}

// givenID is an id in a request: a string or an integer.
type givenID string

func (id *givenID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(id))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*id = givenID(n)
	return nil
}
