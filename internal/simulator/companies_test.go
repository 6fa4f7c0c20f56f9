package simulator

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestCompanies_are_made_or_changed_by_company_id(t *testing.T) {
	b := newBench(t, Options{})
	b.AddAttribute(Attribute{Model: "company", Name: "tier", Options: []string{"gold", "silver"}})
	since := b.now()
	r := b.call("POST", "/companies", `{"company_id":7,"name":"Globex","plan":"pro","size":12,"website":"https://globex.test","industry":"Energy","monthly_spend":90.5,"remote_created_at":1374138000,"custom_attributes":{"tier":"gold"}}`)
	id := get(r.body, "id").(string)
	b.expect(r.body, "type", "company", "company_id", "7", "name", "Globex", "plan.name", "pro", "size", "12", "monthly_spend", "90",
		"remote_created_at", "1374138000", "custom_attributes.tier", "gold", "user_count", "0", "segments.type", "segment.list")
	b.expect(b.call("POST", "/companies", `{"company_id":"7","name":"Globex Inc"}`).body, "id", id, "name", "Globex Inc", "plan.name", "pro")
	b.tellsOf("company/"+id, since, "company.created", "company.updated")
	_, v := b.newest()
	b.expect(v, "data.item.type", "company", "data.item.name", "Globex Inc", "data.item.plan", "pro", "data.item.tag_ids.0", nil)
	if e := b.lastEntry(); e.Effect != EffectCompany || e.Company != id {
		t.Errorf("journal: %+v", e)
	}
	b.expect(b.call("PUT", "/companies/"+id, `{"plan":null,"size":0}`).body, "name", "Globex Inc", "plan.name", nil, "size", nil)
	b.refused(b.call("PUT", "/companies/"+id, `{"company_id":"8"}`), 400, "bad_request", "")
	b.refused(b.call("PUT", "/companies/none", `{"name":"x"}`), 404, "company_not_found", "Company Not Found")
	b.refused(b.call("POST", "/companies", `{"test":"invalid"}`), 400, "bad_request", "bad 'test' parameter")
	b.refused(b.call("POST", "/companies", `{}`), 400, "bad_request", "")
	b.refused(b.call("POST", "/companies", `{"name":"x","size":"many"}`), 400, "parameter_invalid", "")
	b.refused(b.call("POST", "/companies", `{"name":"x","custom_attributes":{"tier":"tin"}}`), 400, "parameter_invalid", "")
	if c, found := b.Company(id); !found || c.Name != "Globex Inc" || len(b.Companies()) != 2 {
		t.Errorf("state: %+v", c)
	}
}

func TestCompanies_are_found_and_listed_by_number(t *testing.T) {
	b := newBench(t, Options{})
	b.expect(b.call("GET", "/companies?company_id=acme", "").body, "type", "company", "id", b.acme, "user_count", "1")
	b.expect(b.call("GET", "/companies?name=Acme", "").body, "id", b.acme)
	b.refused(b.call("GET", "/companies?company_id=none", ""), 404, "company_not_found", "Company Not Found")
	b.refused(b.call("GET", "/companies?tag_id=1", ""), 404, "tag_not_found", "")
	b.AddCompany(Company{CompanyID: "hidden"}) // nobody belongs to it: no list shows it
	want := []string{b.acme}
	for i := range 4 {
		id := b.AddCompany(Company{CompanyID: fmt.Sprint(i)})
		b.AddContact(Contact{Companies: []string{id}})
		want = append(want, id)
	}
	slices.Reverse(want)
	for _, list := range []func(page int) response{
		func(page int) response { return b.call("GET", fmt.Sprint("/companies?per_page=2&page=", page), "") },
		func(page int) response {
			return b.call("POST", "/companies/list", fmt.Sprintf(`{"per_page":2,"page":%d}`, page))
		},
	} {
		var got []string
		for page := 1; page < 5; page++ {
			r := list(page)
			b.expect(r.body, "type", "list", "total_count", "5", "pages.total_pages", "3", "pages.page", fmt.Sprint(page))
			for _, c := range get(r.body, "data").([]any) {
				got = append(got, get(c, "id").(string))
			}
			if next := get(r.body, "pages.next"); (next != nil) != (page < 3) {
				t.Errorf("page %d: next = %v", page, next)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("companies = %v, want %v", got, want)
		}
	}
	b.refused(b.call("GET", "/companies?per_page=61", ""), 400, "parameter_invalid", "")
	r := b.call("GET", "/companies/"+b.acme+"/contacts", "")
	b.expect(r.body, "data.0.id", b.contact, "data.1", nil, "total_count", "1")
	b.expect(b.call("GET", "/companies/"+b.acme+"/segments", "").body, "data.0", nil)
	b.refused(b.call("GET", "/companies/none/contacts", ""), 404, "company_not_found", "")
}

func TestCompanies_have_contacts(t *testing.T) {
	b := newBench(t, Options{})
	globex, since := b.AddCompany(Company{Name: "Globex"}), b.now()
	path := "/contacts/" + b.contact + "/companies"
	b.expect(b.call("POST", path, `{"id":"`+globex+`"}`).body, "id", globex, "user_count", "1")
	if e := b.lastEntry(); e.Effect != EffectAttach || e.Company != globex || e.Contact != b.contact {
		t.Errorf("journal: %+v", e)
	}
	b.call("POST", path, `{"id":"`+globex+`"}`) // again: nothing more to tell
	b.expect(b.call("GET", "/contacts/"+b.contact, "").body, "companies.data.1.id", globex, "companies.total_count", "2")
	b.expect(b.call("DELETE", path+"/"+globex, "").body, "id", globex, "user_count", "0")
	b.tellsOf("company/"+globex, since, "company.contact.attached", "company.contact.detached")
	_, v := b.newest()
	b.expect(v, "data.item.type", nil, "data.item.contact.id", b.contact, "data.item.company.id", globex)
	b.refused(b.call("DELETE", path+"/"+globex, ""), 404, "company_not_found", "")
	b.refused(b.call("POST", path, `{}`), 400, "parameter_not_found", "company not specified")
	b.refused(b.call("POST", path, `{"id":"acme"}`), 404, "company_not_found", "Company Not Found") // the owner's id is not ours
	many := b.AddContact(Contact{Companies: make([]string, maxCompanies)})
	b.refused(b.call("POST", "/contacts/"+many+"/companies", `{"id":"`+globex+`"}`), 400, "contact_company_limit_exceeded", "")
}

func TestCompanies_are_deleted(t *testing.T) {
	b := newBench(t, Options{})
	since := b.now()
	b.expect(b.call("DELETE", "/companies/"+b.acme, "").body, "id", b.acme, "object", "company", "deleted", true)
	b.tellsOf("company/"+b.acme, since, "company.deleted")
	b.refused(b.call("GET", "/companies/"+b.acme, ""), 404, "company_not_found", "")
	b.expect(b.call("GET", "/contacts/"+b.contact, "").body, "companies.total_count", "0")
}

func TestCompanies_are_scrolled_once_at_a_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		for range 150 {
			b.AddCompany(Company{})
		}
		r := b.call("GET", "/companies/scroll", "")
		first := get(r.body, "scroll_param").(string)
		if n := len(get(r.body, "data").([]any)); n != scrollPage {
			t.Errorf("%d companies, want %d", n, scrollPage)
		}
		b.refused(b.call("GET", "/companies/scroll", ""), 400, "scroll_exists", "")
		b.refused(b.call("GET", "/companies/scroll?scroll_param=x", ""), 404, "not_found", "")
		if n := len(get(b.call("GET", "/companies/scroll?scroll_param="+first, "").body, "data").([]any)); n != 51 {
			t.Errorf("%d companies on the second page, want 51", n)
		}
		b.expect(b.call("GET", "/companies/scroll?scroll_param="+first, "").body, "data.0", nil, "scroll_param", nil)
		second := get(b.call("GET", "/companies/scroll", "").body, "scroll_param").(string)
		time.Sleep(scrollIdle + time.Second)
		b.refused(b.call("GET", "/companies/scroll?scroll_param="+second, ""), 404, "not_found", "")
	})
}

func TestTags_are_put_on_many_and_deleted(t *testing.T) {
	b := newRichBench(t, Options{})
	r := b.call("POST", "/tags", `{"name":"Bulk","users":[{"id":"`+b.contact+`"},{"id":"`+b.lead+`"}]}`)
	id := get(r.body, "id").(string)
	b.expect(b.call("GET", "/contacts/"+b.lead+"/tags", "").body, "data.0.id", id)
	b.call("POST", "/tags", `{"name":"bulk","users":[{"id":"`+b.lead+`","untag":true}]}`)
	b.expect(b.call("GET", "/contacts/"+b.lead+"/tags", "").body, "data.0", nil)
	b.call("POST", "/tags", `{"name":"Bulk","companies":[{"company_id":"acme"}]}`)
	b.expect(b.call("GET", "/companies/"+b.acme, "").body, "tags.tags.0.id", id)
	b.expect(b.call("GET", "/companies?tag_id="+id, "").body, "data.0.id", b.acme)
	b.refused(b.call("POST", "/tags", `{"name":"Never","companies":[{"id":"1"}]}`), 404, "company_not_found", "")
	if slices.ContainsFunc(b.Tags(), func(tag Tag) bool { return tag.Name == "Never" }) {
		t.Error("what is refused makes a tag")
	}
	if r := b.call("DELETE", "/tags/"+id, ""); r.status != 200 || len(r.raw) != 0 {
		t.Errorf("answer: %d %q", r.status, r.raw)
	}
	b.refused(b.call("GET", "/tags/"+id, ""), 404, "not_found", "Resource Not Found")
	b.expect(b.call("GET", "/contacts/"+b.contact, "").body, "tags.total_count", "0")
	b.expect(b.call("GET", "/companies/"+b.acme, "").body, "tags.tags.0", nil)
}

func TestAdmins_go_away(t *testing.T) {
	b := newBench(t, Options{})
	path := "/admins/" + b.ines + "/away"
	b.expect(b.call("PUT", path, `{"away_mode_enabled":true,"away_mode_reassign":true}`).body, "id", b.ines, "away_mode_enabled", true)
	b.expect(b.call("GET", "/admins/"+b.ines, "").body, "away_mode_enabled", true, "away_mode_reassign", true)
	ev, v := b.newest()
	b.expect(v, "topic", "admin.away_mode_updated", "data.item.id", b.ines, "data.item.away_mode_enabled", true)
	if ev.Subject != "admin/"+b.ines {
		t.Errorf("subject %q", ev.Subject)
	}
	b.refused(b.call("PUT", path, `{"away_mode_enabled":true}`), 400, "parameter_missing", "away_mode_reassign is required")
	b.refused(b.call("PUT", "/admins/1/away", `{"away_mode_enabled":true,"away_mode_reassign":true}`), 404, "admin_not_found", "")
}

func TestAttributes_exist_before_they_are_set(t *testing.T) {
	b := newBench(t, Options{})
	b.AddConversationAttribute("issue")
	names := func(query string) (out []string) {
		for _, a := range get(b.call("GET", "/data_attributes"+query, "").body, "data").([]any) {
			if get(a, "custom") == true {
				out = append(out, fmt.Sprint(get(a, "model"), " ", get(a, "name"), " ", get(a, "data_type")))
			}
		}
		return out
	}
	if got := names(""); !slices.Equal(got, []string{"contact plan string", "conversation issue string"}) {
		t.Errorf("attributes: %q", got)
	}
	b.refused(b.call("PUT", "/contacts/"+b.contact, `{"custom_attributes":{"seats":5}}`), 400, "parameter_invalid", "")
	r := b.call("POST", "/data_attributes", `{"name":"seats","model":"contact","data_type":"integer"}`)
	id := get(r.body, "id").(string)
	b.expect(r.body, "type", "data_attribute", "full_name", "custom_attributes.seats", "custom", true)
	b.expect(b.call("PUT", "/contacts/"+b.contact, `{"custom_attributes":{"seats":5}}`).body, "custom_attributes.seats", "5")
	b.refused(b.call("PUT", "/contacts/"+b.contact, `{"custom_attributes":{"seats":5.5}}`), 400, "parameter_invalid", "Custom attribute 'seats' must be of type integer")
	b.expect(b.call("PUT", "/data_attributes/"+id, `{"archived":true}`).body, "archived", true)
	b.refused(b.call("PUT", "/contacts/"+b.contact, `{"custom_attributes":{"seats":6}}`), 400, "parameter_invalid", "")
	if got := names("?model=contact"); !slices.Equal(got, []string{"contact plan string"}) {
		t.Errorf("archived ones are shown: %q", got)
	}
	if got := names("?model=contact&include_archived=true"); len(got) != 2 {
		t.Errorf("archived ones are not shown: %q", got)
	}
	for _, bad := range []string{
		`{}`, `{"name":"x","model":"conversation","data_type":"string"}`, `{"name":"x","model":"contact","data_type":"blob"}`,
		`{"name":"plan","model":"contact","data_type":"string"}`, `{"name":"x","model":"contact","data_type":"options"}`,
	} {
		if r := b.call("POST", "/data_attributes", bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	b.refused(b.call("PUT", "/data_attributes/1", `{}`), 404, "field_not_found", "")
	b.refused(b.call("GET", "/data_attributes?model=ticket", ""), 400, "parameter_invalid", "")
}

func TestArticles_are_listed_and_searched(t *testing.T) {
	b := newBench(t, Options{})
	refunds := b.AddArticle(Article{Title: "How refunds work", Body: "<p>five <b>working</b> days</p>"})
	draft := b.AddArticle(Article{Title: "Refunds, again", State: "draft"})
	r := b.call("GET", "/articles?per_page=1", "")
	b.expect(r.body, "type", "list", "total_count", "2", "data.0.id", draft, "data.0.url", nil, "data.1", nil, "pages.total_pages", "2")
	b.expect(b.call("GET", "/articles/"+refunds, "").body, "title", "How refunds work", "statistics.views", "0",
		"url", "https://help.acme.test/en/articles/"+refunds+"-how-refunds-work", "author_id", b.TokenAdmin())
	r = b.call("GET", "/articles/search?phrase=REFUND+working", "")
	b.expect(r.body, "data.articles.0.id", refunds, "data.articles.1", nil, "total_count", "1", "data.highlights.0", nil)
	b.expect(b.call("GET", "/articles/search?phrase=refund&state=draft", "").body, "data.articles.0.id", draft, "total_count", "1")
	b.refused(b.call("GET", "/articles/search?state=x", ""), 400, "parameter_invalid", "")
	b.refused(b.call("GET", "/articles/1", ""), 404, "not_found", "Resource Not Found")

	since := b.now()
	id := b.does("POST", "/articles", `{"title":"New","author_id":`+b.ines+`,"state":"published"}`, "id")
	b.expect(b.call("PUT", "/articles/"+id, `{"title":"Newer","state":"draft"}`).body, "title", "Newer", "url", nil)
	b.expect(b.call("DELETE", "/articles/"+id, "").body, "deleted", true, "object", "article")
	b.tellsOf("article/"+id, since, "article.created", "article.published", "article.updated", "article.unpublished", "article.deleted")
	b.refused(b.call("POST", "/articles", `{"title":"x"}`), 400, "parameter_not_found", "")
	b.refused(b.call("POST", "/articles", `{"author_id":1}`), 400, "parameter_missing", "title is required")
	b.refused(b.call("POST", "/articles", `{"title":"x","author_id":1}`), 404, "admin_not_found", "")
	if len(b.Articles()) != 2 {
		t.Errorf("%d articles", len(b.Articles()))
	}
}
