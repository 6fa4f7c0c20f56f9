package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// result is what became of a request: a closed set, used as a metric label.
type result string

const (
	resultStored       result = "stored"
	resultDuplicate    result = "duplicate"
	resultPing         result = "ping"
	resultBadSignature result = "bad_signature"
	resultBadRequest   result = "bad_request"
	resultTooLarge     result = "too_large"
	resultBusy         result = "busy"
	resultStopping     result = "stopping"
	resultMethod       result = "method"
)

// answer is one way to answer. An error's text says what to do about it. It never holds
// anything from the payload, and never the signature that would have been right: that would
// sign the body for whoever asked.
type answer struct {
	result result
	status int
	body   []byte
}

var (
	answerStored    = answer{resultStored, http.StatusOK, []byte(`{"status":"stored"}`)}
	answerDuplicate = answer{resultDuplicate, http.StatusOK, []byte(`{"status":"duplicate"}`)}
	answerPing      = answer{resultPing, http.StatusOK, []byte(`{"status":"ping"}`)}

	answerNoSignature = failure(resultBadSignature, http.StatusUnauthorized,
		"X-Hub-Signature is missing or malformed: expected one header with sha1= and 40 hex digits")
	answerWrongSignature = failure(resultBadSignature, http.StatusUnauthorized,
		"X-Hub-Signature does not match: check that INTERCOM_CLIENT_SECRET is the client secret of the app, "+
			"and that nothing on the way changes the body")
	answerOtherWorkspace = failure(resultBadSignature, http.StatusUnauthorized,
		"app_id names no workspace that is served here, or the signature is not made with a client secret of its app")
	answerSlowBody = failure(resultBadRequest, http.StatusBadRequest,
		"the body did not arrive in time")
	answerBrokenBody = failure(resultBadRequest, http.StatusBadRequest,
		"the body did not arrive whole")
	answerEncoded = failure(resultBadRequest, http.StatusBadRequest,
		"not a notification: a body with Content-Encoding is not read, send it as it is")
	answerMethod = failure(resultMethod, http.StatusMethodNotAllowed,
		"send notifications with POST")
	answerStopping = failure(resultStopping, http.StatusServiceUnavailable,
		"stopping: send it again")

	// A sink that fails is our trouble, and elsewhere that is a 5xx. After one of those
	// Intercom tries once more, a minute later, and then drops the event for good; after a 429
	// it holds it back for up to two hours. For the same reason every error of the sink gets
	// this answer, whatever it is: none of them is the notification's fault.
	answerBusy = failure(resultBusy, http.StatusTooManyRequests,
		"the event could not be stored now: send it again later")
)

func failure(r result, status int, text string) answer {
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		panic(err) // a map of strings always has a JSON form
	}
	return answer{r, status, body}
}

func tooLarge(limit int64) answer {
	return failure(resultTooLarge, http.StatusRequestEntityTooLarge,
		fmt.Sprintf("the body is larger than %d bytes, the limit set with --max-body", limit))
}

// Header values are shared by all answers: nothing may change them.
var (
	contentJSON     = []string{"application/json"}
	allowed         = []string{"POST, HEAD"}
	retryAfter      = []string{"10"} // seconds
	connectionClose = []string{"close"}
)

func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	header["Content-Type"] = contentJSON
	switch a.status {
	case http.StatusMethodNotAllowed:
		header["Allow"] = allowed
	case http.StatusTooManyRequests:
		header["Retry-After"] = retryAfter
	case http.StatusServiceUnavailable:
		header["Retry-After"] = retryAfter
		header["Connection"] = connectionClose // the next attempt should find another process
	}
	w.WriteHeader(a.status)
	// An answer that does not arrive is as if it had not been given: Intercom sends the
	// notification again, and it is a duplicate.
	_, _ = w.Write(a.body)
}
