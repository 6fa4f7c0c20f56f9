package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faultNames are the faults as ParseFault reads them.
var faultNames = map[string]Fault{
	"5xx":          {Kind: FailBefore, Status: http.StatusServiceUnavailable},
	"408":          {Kind: FailBefore, Status: http.StatusRequestTimeout},
	"500":          {Kind: FailBefore, Status: http.StatusInternalServerError},
	"502":          {Kind: FailBefore, Status: http.StatusBadGateway},
	"503":          {Kind: FailBefore, Status: http.StatusServiceUnavailable},
	"504":          {Kind: FailBefore, Status: http.StatusGatewayTimeout},
	"5xx-after":    {Kind: FailAfter, Status: http.StatusBadGateway},
	"500-after":    {Kind: FailAfter, Status: http.StatusInternalServerError},
	"429":          {Kind: TooMany},
	"401":          {Kind: Revoked},
	"403":          {Kind: Restricted},
	"forbidden":    {Kind: Forbidden},
	"reset-before": {Kind: ResetBefore},
	"reset-after":  {Kind: ResetAfter},
	"hang-before":  {Kind: HangBefore},
	"hang-after":   {Kind: HangAfter},
	"bad-json":     {Kind: BadJSON},
	"truncated":    {Kind: Truncated},
	"empty":        {Kind: EmptyBody},
	"slow":         {Kind: Slow, Delay: 3 * time.Second},
}

// FaultNames lists the faults that ParseFault knows, in order.
func FaultNames() []string { return slices.Sorted(maps.Keys(faultNames)) }

// ParseFault reads a fault from text: NAME=RATE, such as reset-after=0.02. A length for slow
// answers and hangs follows a colon (slow=0.1:2s), the calls that it is for an @
// (503=0.5@POST /contacts).
func ParseFault(text string) (Fault, error) {
	spec, endpoint, limited := strings.Cut(text, "@")
	name, value, found := strings.Cut(spec, "=")
	f, known := faultNames[strings.TrimSpace(name)]
	if !known {
		return f, fmt.Errorf("fault %q: there is no %q; use one of %s", text, name, strings.Join(FaultNames(), ", "))
	}
	rate, length, timed := strings.Cut(value, ":")
	var err error
	if f.Rate, err = strconv.ParseFloat(rate, 64); !found || err != nil || !(f.Rate > 0 && f.Rate <= 1) {
		return f, fmt.Errorf("fault %q: write the share of the calls that it strikes, more than 0 and at most 1, as in %s=0.1", text, name)
	}
	if timed {
		if f.Delay, err = time.ParseDuration(length); err != nil || f.Delay <= 0 {
			return f, fmt.Errorf("fault %q: %q is no length of time, write one as in 2s", text, length)
		}
	}
	if limited {
		if f.Endpoint = strings.TrimSpace(endpoint); !knownEndpoint(f.Endpoint) {
			return f, fmt.Errorf("fault %q: there is no endpoint %q; write one as in POST /conversations/{id}/reply", text, f.Endpoint)
		}
	}
	return f, nil
}

// knownEndpoint tells whether there are calls of that endpoint, method or path.
func knownEndpoint(name string) bool {
	return slices.ContainsFunc(routes, func(r route) bool {
		return name == r.endpoint() || name == r.method || name == r.path
	})
}
