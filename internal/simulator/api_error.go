package simulator

import (
	"fmt"
	"net/http"
)

// apiError is an answer that refuses: a status and one error of Intercom's error.list.
type apiError struct {
	status               int
	code, message, field string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

type errorJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

type errorListJSON struct {
	Type      string      `json:"type"`
	RequestID string      `json:"request_id"`
	Errors    []errorJSON `json:"errors"`
}

func (e *apiError) json(requestID string) errorListJSON {
	return errorListJSON{
		Type: "error.list", RequestID: requestID,
		Errors: []errorJSON{{Code: e.code, Message: e.message, Field: e.field}},
	}
}

// What the API refuses, in Intercom's words where they are published.
var (
	errUnauthorized    = &apiError{status: http.StatusUnauthorized, code: "unauthorized", message: "Access Token Invalid"}
	errRevoked         = &apiError{status: http.StatusUnauthorized, code: "token_revoked", message: "Access Token Revoked"}
	errRestricted      = &apiError{status: http.StatusForbidden, code: "api_plan_restricted", message: "Active subscription needed."}
	errForbidden       = &apiError{status: http.StatusForbidden, code: "forbidden", message: "Not authorized to access resource"}
	errVersion         = &apiError{status: http.StatusBadRequest, code: "intercom_version_invalid", message: "The requested version could not be found"}
	errNoPath          = &apiError{status: http.StatusNotFound, code: "not_found", message: "The requested resource was not found"}
	errNoMethod        = &apiError{status: http.StatusMethodNotAllowed, code: "client_error", message: "The method is not allowed for this path"}
	errNoConversation  = &apiError{status: http.StatusNotFound, code: "not_found", message: "Resource Not Found"}
	errTagConversation = &apiError{status: http.StatusNotFound, code: "not_found", message: "Conversation not found"}
	errNoContact       = &apiError{status: http.StatusNotFound, code: "not_found", message: "User Not Found"}
	errNoAdmin         = &apiError{status: http.StatusNotFound, code: "admin_not_found", message: "Admin not found"}
	errNoAssignee      = &apiError{status: http.StatusNotFound, code: "assignee_not_found", message: "Assignee not found"}
	errNoTeam          = &apiError{status: http.StatusNotFound, code: "team_not_found", message: "Team not found"}
	errNoTag           = &apiError{status: http.StatusNotFound, code: "tag_not_found", message: "Tag not found"}
	errNoCompany       = &apiError{status: http.StatusNotFound, code: "company_not_found", message: "Company Not Found"}
	errNoResource      = &apiError{status: http.StatusNotFound, code: "not_found", message: "Resource Not Found"}
	errNoField         = &apiError{status: http.StatusNotFound, code: "field_not_found", message: "We couldn't find that data attribute to update"}
	errNoTicket        = &apiError{status: http.StatusNotFound, code: "ticket_not_found", message: "Ticket not found"}
	errNoPart          = &apiError{status: http.StatusNotFound, code: "conversation_part_or_message_not_found", message: "Conversation part or message not found"}
	errLastCustomer    = &apiError{status: http.StatusUnprocessableEntity, code: "parameter_invalid", message: "Removing the last customer is not allowed"}
	errBlocked         = &apiError{status: http.StatusForbidden, code: "action_forbidden", message: "The contact is blocked"}
	errTicketState     = &apiError{status: http.StatusBadRequest, code: "ticket_state_id_invalid", message: "Ticket state id is not valid or is not associated with the ticket type"}
	errTagParameters   = &apiError{status: http.StatusBadRequest, code: "parameter_invalid", message: "invalid tag parameters"}
	errTooLarge        = &apiError{status: http.StatusRequestEntityTooLarge, code: "client_error", message: "The request is too large"}
)

func missing(field string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "parameter_missing", message: field + " is required", field: field}
}

func invalid(field, format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusBadRequest, code: "parameter_invalid",
		message: fmt.Sprintf(format, args...), field: field,
	}
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "bad_request", message: fmt.Sprintf(format, args...)}
}

// rateLimited is Intercom's sentence, limit included.
func rateLimited(limit int) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, code: "rate_limit_exceeded",
		message: fmt.Sprintf("Exceeded rate limit of %d in 10_seconds", limit),
	}
}

// failed is an error on the server's side, as JSON.
func failed(status int) *apiError {
	if status < http.StatusInternalServerError {
		return &apiError{status: status, code: "client_error", message: "The request was refused on purpose"}
	}
	return &apiError{status: status, code: "server_error", message: "An internal error occurred"}
}
