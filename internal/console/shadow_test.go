package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/internal/console"
	"switchboard/internal/shadow"
)

func TestShadowPage(t *testing.T) {
	report := &shadow.Report{Events: 4, WithinSeconds: 86400, Unheard: []string{shadow.TopicTagged}, Rules: []*shadow.RuleReport{{
		Rule: "route", State: "shadow", Would: 231, Subjects: 214, Rulesets: 2, Actions: []*shadow.ActionReport{
			{Action: "assign team <Finance>", Kind: "assign", Compared: true, Total: 214, Same: 171, Other: 19, Nobody: 24, Examples: []shadow.Example{{Subject: "conversation/7", Event: 12, Did: "assigned to team <Support>"}}},
			{Action: "note", Kind: "note", Total: 214},
		},
	}}}
	var workspace, rule string
	var since time.Time
	o := console.Options{Shadow: func(_ context.Context, w, r string, s time.Time) (*shadow.Report, error) {
		workspace, rule, since = w, r, s
		switch r {
		case "refused":
			return nil, refused("there is no such rule")
		case "broken":
			return nil, errors.New("disk of the customer")
		}
		return report, nil
	}}
	rec := get(t, o, "/shadow?rule=route&workspace=eu&days=30")
	page := rec.Body.String()
	for _, want := range []string{
		"route (in shadow): would have run on 231 events about 214 subjects", "2 versions of the rules", "within 24h after",
		"assign team &lt;Finance&gt;", "people assigned 190: 171 (90 %) the same, 19 to others", "<code>conversation/7</code> assigned to team &lt;Support&gt;",
		"24 not assigned by people", "not compared with what people did", "conversation_part.tag.created", "<strong>30 days</strong>",
		`/shadow?days=7&amp;rule=route&amp;workspace=eu`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if workspace != "eu" || rule != "route" || time.Since(since).Round(time.Hour) != 30*24*time.Hour {
		t.Errorf("asked for %q, %q, since %s", workspace, rule, since)
	}
	if get(t, o, "/shadow?days=100000"); time.Since(since).Round(time.Hour) != 7*24*time.Hour {
		t.Errorf("another period than those that are offered: since %s", since)
	}
	if rec := get(t, o, "/shadow?rule=refused"); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "there is no such rule") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := get(t, o, "/shadow?rule=broken"); rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "customer") {
		t.Errorf("%d %s; want 500 without the cause", rec.Code, rec.Body)
	}
	o.People = with("secret")
	if rec := get(t, o, "/shadow"); rec.Code != http.StatusUnauthorized {
		t.Errorf("without the token: %d", rec.Code)
	}
}
