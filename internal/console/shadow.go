package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"switchboard/internal/shadow"
)

// shadowPage is what the page about rules in shadow shows.
type shadowPage struct {
	shell
	Report    *shadow.Report // nil if Refused says why there is none
	Refused   string
	Days      int
	Choices   []int
	Workspace string
	Rule      string
}

// shadowDays are the periods that the page offers.
var shadowDays = []int{1, 7, 30}

// shadow shows what rules in shadow would have done. It reads the history, so it does not load itself anew.
func (c *Console) shadow(w http.ResponseWriter, r *http.Request) error {
	page := shadowPage{shell: c.shell(r), Days: 7, Choices: shadowDays, Workspace: r.FormValue("workspace"), Rule: r.FormValue("rule")}
	if days, err := strconv.Atoi(r.FormValue("days")); err == nil && slices.Contains(shadowDays, days) {
		page.Days = days
	}
	if c.hides(r.Context()) {
		page.Refused = "What rules would have done may repeat what customers wrote, which is hidden from the role view here."
		return c.show(w, "shadow.html", page)
	}
	// A long history takes longer than a page may. Whoever asked can go away.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	report, err := c.o.Shadow(r.Context(), page.Workspace, page.Rule, time.Now().AddDate(0, 0, -page.Days))
	if refused, ok := errors.AsType[refusal](err); ok {
		page.Refused = refused.Refusal()
	} else if err != nil {
		return err
	}
	page.Report = report
	return c.show(w, "shadow.html", page)
}
