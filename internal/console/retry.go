package console

import (
	"net/http"
	"slices"
	"strconv"

	"switchboard/internal/operations"
)

// retry does what the buttons below a list of actions say: retries dead letters, or settles parked actions by
// what a person has found out.
func (c *Console) retry(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	request, err := retryOf(r)
	var answer operations.RetryAnswer
	if err == nil {
		answer, err = c.o.Retry(r.Context(), c.o.Store, request)
	}
	status, words := wordsOf(err)
	switch {
	case err == nil:
		return c.show(w, "retried.html", view{shell: c.shell(r), Title: "Done", Answer: answer})
	case words == "":
		return err
	}
	return c.showStatus(w, status, "retried.html", view{shell: c.shell(r), Title: "Not done", Refused: words})
}

// retryOf reads the form.
func retryOf(r *http.Request) (request operations.RetryRequest, err error) {
	if err := r.ParseForm(); err != nil {
		return request, misasked{"the form cannot be read"}
	}
	for _, text := range r.PostForm["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return request, misasked{"an action has a number"}
		}
		request.IDs = append(request.IDs, id)
	}
	if len(request.IDs) == 0 {
		return request, misasked{"no action was chosen"}
	}
	request.Limit, request.Parked = len(request.IDs), r.PostForm.Get("parked")
	if !slices.Contains([]string{"", operations.ParkedSent, operations.ParkedNotSent}, request.Parked) {
		return request, misasked{"there is no such button"}
	}
	return request, nil
}
