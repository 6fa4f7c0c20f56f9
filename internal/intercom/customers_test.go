package intercom

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	smallContact = `{"type":"contact","id":"63a07d"}`
	smallCompany = `{"type":"company","id":"6762f0","company_id":"acme"}`
	emptyList    = `{"type":"list","data":[],"total_count":0,"pages":{"type":"pages","page":1,"per_page":50,"total_pages":0}}`
)

// drain ends an iteration at its end or at an error.
func drain[T any](items iter.Seq2[Item[T], error]) error {
	_, err := Raws(items)
	return err
}

// onlyReads tells whether a call changes nothing, although it may be a POST.
func onlyReads(c officialCall) bool {
	path, _, _ := strings.Cut(c.uri, "?")
	return c.method == http.MethodGet || strings.HasSuffix(path, "/search") || path == "/companies/list"
}

// customerCalls are those about contacts, companies, and conversations found, begun and changed.
var customerCalls = []officialCall{
	{"ContactByExternalID", func(ctx context.Context, c *Client) error {
		_, _, err := c.ContactByExternalID(ctx, "user/70")
		return err
	}, "GET", "/contacts/find_by_external_id/user%2F70", "", smallContact},
	{"SearchContacts", func(ctx context.Context, c *Client) error {
		return drain(c.SearchContacts(ctx, Eq("email", "joe@bloggs.com"), 0))
	}, "POST", "/contacts/search", `{"query":{"field":"email","operator":"=","value":"joe@bloggs.com"},"pagination":{"per_page":50}}`, emptyList},
	{"ListContacts", func(ctx context.Context, c *Client) error { return drain(c.ListContacts(ctx, 0)) }, "GET", "/contacts?per_page=50", "", emptyList},
	{"CreateContact", func(ctx context.Context, c *Client) error {
		_, err := c.CreateContact(ctx, ContactRequest{
			Role: new("lead"), Email: new("joe@bloggs.com"), ExternalID: new("70"), Phone: new("+1555"), Name: new("Joe"),
			OwnerID: new(ID("9")), SignedUpAt: &Time{time.Unix(1790000000, 0)}, UnsubscribedFromEmails: new(false),
			CustomAttributes: map[string]any{"plan": "pro", "seats": 3},
		})
		return err
	}, "POST", "/contacts", `{"role":"lead","email":"joe@bloggs.com","external_id":"70","phone":"+1555","name":"Joe","owner_id":9,
		"signed_up_at":1790000000,"unsubscribed_from_emails":false,"custom_attributes":{"plan":"pro","seats":3}}`, smallContact},
	{"UpdateContact", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateContact(ctx, "63a07d", ContactRequest{Name: new("")})
		return err
	}, "PUT", "/contacts/63a07d", `{"name":""}`, smallContact},
	{"UpdateContact without an owner", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateContact(ctx, "63a07d", ContactRequest{OwnerID: new(ID(Nobody))})
		return err
	}, "PUT", "/contacts/63a07d", `{"owner_id":null}`, smallContact},
	{"DeleteContact", func(ctx context.Context, c *Client) error { return c.DeleteContact(ctx, "63a07d") }, "DELETE", "/contacts/63a07d", "", `{"id":"63a07d","deleted":true}`},
	{"ArchiveContact", func(ctx context.Context, c *Client) error { return c.ArchiveContact(ctx, "63a07d") }, "POST", "/contacts/63a07d/archive", "", `{"id":"63a07d","archived":true}`},
	{"UnarchiveContact", func(ctx context.Context, c *Client) error { return c.UnarchiveContact(ctx, "63a07d") }, "POST", "/contacts/63a07d/unarchive", "", `{"id":"63a07d","archived":false}`},
	{"BlockContact", func(ctx context.Context, c *Client) error { return c.BlockContact(ctx, "63a07d") }, "POST", "/contacts/63a07d/block", "", `{"id":"63a07d","blocked":true}`},
	{"MergeContact", func(ctx context.Context, c *Client) error {
		_, err := c.MergeContact(ctx, "1ead", "63a07d")
		return err
	}, "POST", "/contacts/merge", `{"from":"1ead","into":"63a07d"}`, smallContact},
	{"CreateContactNote", func(ctx context.Context, c *Client) error {
		_, err := c.CreateContactNote(ctx, "63a07d", "<p>Hi</p>", "9")
		return err
	}, "POST", "/contacts/63a07d/notes", `{"body":"<p>Hi</p>","admin_id":"9"}`, `{"type":"note","id":"31"}`},
	{"CreateContactNote by nobody", func(ctx context.Context, c *Client) error {
		_, err := c.CreateContactNote(ctx, "63a07d", "<p>Hi</p>", "")
		return err
	}, "POST", "/contacts/63a07d/notes", `{"body":"<p>Hi</p>"}`, `{"type":"note","id":"31"}`},
	{"ContactNotes", func(ctx context.Context, c *Client) error { _, err := c.ContactNotes(ctx, "63a07d"); return err }, "GET", "/contacts/63a07d/notes", "", emptyList},
	{"ContactTags", func(ctx context.Context, c *Client) error { _, err := c.ContactTags(ctx, "63a07d"); return err }, "GET", "/contacts/63a07d/tags", "", emptyList},
	{"TagContact", func(ctx context.Context, c *Client) error { return c.TagContact(ctx, "63a07d", "5") }, "POST", "/contacts/63a07d/tags", `{"id":"5"}`, `{"id":"5"}`},
	{"UntagContact", func(ctx context.Context, c *Client) error { return c.UntagContact(ctx, "63a07d", "5") }, "DELETE", "/contacts/63a07d/tags/5", "", `{"id":"5"}`},
	{"AttachCompany", func(ctx context.Context, c *Client) error { return c.AttachCompany(ctx, "63a07d", "6762f0") }, "POST", "/contacts/63a07d/companies", `{"id":"6762f0"}`, smallCompany},
	{"DetachCompany", func(ctx context.Context, c *Client) error { return c.DetachCompany(ctx, "63a07d", "6762f0") }, "DELETE", "/contacts/63a07d/companies/6762f0", "", smallCompany},

	{"Company", func(ctx context.Context, c *Client) error { _, _, err := c.Company(ctx, "6762f0"); return err }, "GET", "/companies/6762f0", "", smallCompany},
	{"FindCompany", func(ctx context.Context, c *Client) error { _, _, err := c.FindCompany(ctx, "acme"); return err }, "GET", "/companies?company_id=acme", "", smallCompany},
	{"CompaniesByName", func(ctx context.Context, c *Client) error { _, err := c.CompaniesByName(ctx, "A & B"); return err }, "GET", "/companies?name=A+%26+B", "", emptyList},
	{"ListCompanies", func(ctx context.Context, c *Client) error { return drain(c.ListCompanies(ctx, 0)) }, "POST", "/companies/list?page=1&per_page=15", "", emptyList},
	{"SaveCompany", func(ctx context.Context, c *Client) error {
		_, err := c.SaveCompany(ctx, CompanyRequest{
			CompanyID: "acme", Name: new("Acme"), Plan: new("pro"), Size: new(0), Website: new("https://acme.test"), Industry: new("toys"),
			MonthlySpend: new(49), RemoteCreatedAt: &Time{time.Unix(1374138000, 0)}, CustomAttributes: map[string]any{"tier": 1},
		})
		return err
	}, "POST", "/companies", `{"company_id":"acme","name":"Acme","plan":"pro","size":0,"website":"https://acme.test","industry":"toys",
		"monthly_spend":49,"remote_created_at":1374138000,"custom_attributes":{"tier":1}}`, smallCompany},
	{"UpdateCompany", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateCompany(ctx, "6762f0", CompanyRequest{Name: new("Acme")})
		return err
	}, "PUT", "/companies/6762f0", `{"name":"Acme"}`, smallCompany},
	{"DeleteCompany", func(ctx context.Context, c *Client) error { return c.DeleteCompany(ctx, "6762f0") }, "DELETE", "/companies/6762f0", "", `{"id":"6762f0","deleted":true}`},

	{"SearchConversations", func(ctx context.Context, c *Client) error {
		return drain(c.SearchConversations(ctx, Eq("admin_assignee_id", "9"), 3))
	}, "POST", "/conversations/search", `{"query":{"field":"admin_assignee_id","operator":"=","value":9},"pagination":{"per_page":3}}`, `{"conversations":[]}`},
	{"ListConversations", func(ctx context.Context, c *Client) error { return drain(c.ListConversations(ctx, 3)) }, "GET", "/conversations?per_page=3", "", `{"conversations":[]}`},
	{"CreateConversation", func(ctx context.Context, c *Client) error {
		_, err := c.CreateConversation(ctx, CreateConversationRequest{ContactID: "63a07d", ContactType: "user", Body: "Hi"})
		return err
	}, "POST", "/conversations", `{"from":{"type":"user","id":"63a07d"},"body":"Hi"}`, `{"type":"user_message","id":"403","conversation_id":"499"}`},
	{"CreateConversation with images", func(ctx context.Context, c *Client) error {
		_, err := c.CreateConversation(ctx, CreateConversationRequest{
			ContactID: "63a07d", ContactType: "lead", Body: "Hi", AttachmentURLs: []string{"https://acme.test/a.png"},
		})
		return err
	}, "POST", "/conversations", `{"from":{"type":"lead","id":"63a07d"},"body":"Hi","attachment_urls":["https://acme.test/a.png"]}`, `{"conversation_id":499}`},
	{"UpdateConversation", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateConversation(ctx, "77", UpdateConversationRequest{Title: new("T"), Read: new(false), CustomAttributes: map[string]any{"vip": true}})
		return err
	}, "PUT", "/conversations/77", `{"title":"T","read":false,"custom_attributes":{"vip":true}}`, smallConversation},
	{"ConvertToTicket", func(ctx context.Context, c *Client) error {
		_, _, err := c.ConvertToTicket(ctx, "77", "53", map[string]any{"_default_title_": "T"})
		return err
	}, "POST", "/conversations/77/convert", `{"ticket_type_id":"53","attributes":{"_default_title_":"T"}}`, `{"type":"ticket","id":"611"}`},
}

func TestClient_reads_what_customers_and_companies_answer_with(t *testing.T) {
	ctx := t.Context()
	client := func(answer string) *Client { return record(t, answerWith(200, answer)).client(t) }

	note, err := client(`{"id":31,"created_at":1734537390,"author":{"type":"admin","id":"9"},"body":"<p>Hi</p>"}`).CreateContactNote(ctx, "1", "Hi", "9")
	if err != nil || note.ID != "31" || note.Author.ID != "9" || note.Body != "<p>Hi</p>" || note.CreatedAt.Unix() != 1734537390 {
		t.Errorf("note %+v, %v", note, err)
	}
	tags, err := client(`{"data":[{"id":80,"name":"VIP"},{"id":"81","name":"New"}]}`).ContactTags(ctx, "1")
	if err != nil || len(tags) != 2 || tags[0] != (Tag{"80", "VIP"}) {
		t.Errorf("tags %+v, %v", tags, err)
	}
	company, raw, err := client(`{"id":"6762f0","company_id":7,"plan":{"name":"pro"},"monthly_spend":49,"size":"many"}`).Company(ctx, "6762f0")
	if err != nil || company.CompanyID != "7" || company.Plan.Name != "pro" || company.MonthlySpend != 49 || len(raw) == 0 {
		t.Errorf("company %+v, %v", company, err)
	}
	id, err := client(`{"id":"403","conversation_id":499}`).CreateConversation(ctx, CreateConversationRequest{ContactID: "1", ContactType: "user"})
	if err != nil || id != "499" {
		t.Errorf("conversation %q, %v", id, err)
	}
	id, raw, err = client(`{"id":611,"ticket_id":"22"}`).ConvertToTicket(ctx, "77", "53", nil)
	if err != nil || id != "611" || string(raw) != `{"id":611,"ticket_id":"22"}` {
		t.Errorf("ticket %q, %s, %v", id, raw, err)
	}
}

func TestClient_FindCompany_takes_one_company_or_a_list(t *testing.T) {
	const other = `{"type":"company","id":"1","company_id":"other"}`
	for name, tt := range map[string]struct {
		answer string
		want   string
	}{
		"one":                     {smallCompany, smallCompany},
		"a list":                  {`{"type":"list","data":[` + other + `,` + smallCompany + `]}`, smallCompany},
		"an empty list":           {emptyList, ""},
		"somebody else's company": {other, ""},
	} {
		t.Run(name, func(t *testing.T) {
			company, raw, err := record(t, answerWith(200, tt.answer)).client(t).FindCompany(t.Context(), "acme")
			if tt.want == "" {
				if !NotFound(err) || ClassOf(err) != Permanent {
					t.Errorf("%+v, %v; want that there is none", company, err)
				}
				return
			}
			if err != nil || company.ID != "6762f0" || string(raw) != tt.want {
				t.Errorf("%+v, %s, %v", company, raw, err)
			}
		})
	}
}

func TestClient_CompaniesByName_takes_one_company_or_a_list(t *testing.T) {
	for answer, want := range map[string]int{smallCompany: 1, `{"data":[` + smallCompany + `,` + smallCompany + `]}`: 2, emptyList: 0} {
		found, err := record(t, answerWith(200, answer)).client(t).CompaniesByName(t.Context(), "Acme")
		if err != nil || len(found) != want {
			t.Errorf("%s: %d companies, %v; want %d", answer, len(found), err, want)
		}
	}
	_, err := record(t, answerWith(200, `{"ok":true}`)).client(t).CompaniesByName(t.Context(), "Acme")
	if ClassOf(err) != Retry {
		t.Errorf("an odd answer: %v", err)
	}
}

func TestClient_refuses_what_cannot_be_done_without_a_call(t *testing.T) {
	rec := record(t, answerWith(200, smallCompany))
	c, ctx := rec.client(t), t.Context()
	for want, call := range map[string]func() error{
		"role, an e-mail address or an external id": func() error {
			_, err := c.CreateContact(ctx, ContactRequest{Name: new("Joe")})
			return err
		},
		"JSON": func() error {
			_, err := c.UpdateContact(ctx, "1", ContactRequest{OwnerID: new(ID(`{"a":1}`))})
			return err
		},
		"company_id is needed":    func() error { _, err := c.SaveCompany(ctx, CompanyRequest{Name: new("Acme")}); return err },
		"cannot be changed":       func() error { _, err := c.UpdateCompany(ctx, "1", CompanyRequest{CompanyID: "acme"}); return err },
		"the company_id is empty": func() error { _, _, err := c.FindCompany(ctx, ""); return err },
		"the name is empty":       func() error { _, err := c.CompaniesByName(ctx, ""); return err },
		"needs a field":           func() error { return drain(c.SearchContacts(ctx, Query{}, 0)) },
	} {
		err := call()
		if e, ok := errors.AsType[*Error](err); !ok || e.Class != Permanent || !strings.Contains(e.Message, want) {
			t.Errorf("%v, want it refused for good because %q", err, want)
		}
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestClient_I4_an_answer_that_says_nothing_leaves_a_doubt_about_what_writes(t *testing.T) {
	for _, tt := range customerCalls {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call(t.Context(), record(t, answerWith(503, "upstream")).client(t))
			want := Ambiguous
			if onlyReads(tt) {
				want = Retry
			}
			if ClassOf(err) != want {
				t.Errorf("%v is %v, want %v", err, ClassOf(err), want)
			}
		})
	}
}

func TestConflictID_is_the_id_at_the_end_of_the_message(t *testing.T) {
	conflict := func(message string) error {
		body, _ := json.Marshal(map[string]any{"type": "error.list", "errors": []any{map[string]any{"code": "conflict", "message": message}}})
		_, err := record(t, answerWith(409, string(body))).client(t).CreateContact(t.Context(), ContactRequest{Email: new("joe@bloggs.com")})
		return err
	}
	for message, want := range map[string]string{
		"A contact matching those details already exists with id=6762f0dd1bb69f9f2193bb83":  "6762f0dd1bb69f9f2193bb83",
		"A contact matching those details already exists with id=6762f0dd1bb69f9f2193bb83.": "6762f0dd1bb69f9f2193bb83",
		"An archived contact matching those details already exists":                         "",
		"A contact with external_id=70":                                                     "",
		"Exists with id=6762f0dd or another":                                                "",
		"":                                                                                  "",
	} {
		err := conflict(message)
		if ClassOf(err) != Conflict {
			t.Errorf("%q is of class %v", message, ClassOf(err))
		}
		if id, ok := ConflictID(err); id != want || ok != (want != "") {
			t.Errorf("%q: id %q, %v; want %q", message, id, ok, want)
		}
	}
	for _, err := range []error{nil, errors.New("id=5"), &Error{Class: Permanent, Status: 400, Message: "exists with id=5"}} {
		if id, ok := ConflictID(err); ok {
			t.Errorf("%v: id %q", err, id)
		}
	}
}
