package simulator

import (
	"net/http"
	"time"
)

// Scrolling goes through all companies in one go, as they are when they come by. An app has
// one scroll at a time; it ends with an empty page, or when nobody goes on for a minute.

const (
	scrollPage = 100
	scrollIdle = time.Minute
)

// scroll is the one that is under way; without a parameter there is none.
type scroll struct {
	parameter string
	last      int // number of the last company shown
	used      time.Time
}

func scrollCompanies(c *call) (any, error) {
	at := &c.companyScroll
	if c.now.Sub(at.used) > scrollIdle {
		*at = scroll{}
	}
	switch given := c.r.URL.Query().Get("scroll_param"); {
	case given == "" && at.parameter != "":
		return nil, &apiError{
			status: http.StatusBadRequest, code: "scroll_exists", message: "scroll already exists for this workspace",
		}
	case given != at.parameter:
		return nil, &apiError{status: http.StatusNotFound, code: "not_found", message: "scroll parameter not found"}
	case given == "":
		*at = scroll{parameter: c.requests.uuid()}
	}
	at.used = c.now
	data := []any{}
	for company := range c.space.companies.all {
		if number := c.space.companies.number[company.ID]; number > at.last && len(data) < scrollPage {
			at.last, data = number, append(data, c.showCompany(company))
		}
	}
	answer := map[string]any{"type": "list", "data": data, "pages": nil, "total_count": nil, "scroll_param": at.parameter}
	if len(data) == 0 {
		*at = scroll{}
		delete(answer, "scroll_param")
	}
	return answer, nil
}
