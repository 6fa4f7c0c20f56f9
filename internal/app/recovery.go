package app

import (
	"fmt"
	"net/http"
	"strings"
)

// holdTimers lets timers that came due while nobody ran wait for what was missed meanwhile.
func (a *App) holdTimers() {
	if err := a.workspaces[0].recovery.Hold(a.work); err != nil {
		a.log.Error("timers are not held until missed events are found", "err", err)
	}
}

// backfill answers requests to recover missed events. Where several workspaces are served, the request
// names one.
func (a *App) backfill() http.Handler {
	if len(a.workspaces) == 1 {
		return a.workspaces[0].recovery.Handler(a.claims)
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		wanted := r.URL.Query().Get("workspace")
		names := make([]string, len(a.workspaces))
		for i, w := range a.workspaces {
			if wanted == w.o.Name || wanted == w.o.ID {
				w.recovery.Handler(a.claims).ServeHTTP(rw, r)
				return
			}
			names[i] = w.o.Name
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(rw, "{\"error\":%q}\n", "name one of the workspaces "+strings.Join(names, ", ")+" with ?workspace=")
	})
}
