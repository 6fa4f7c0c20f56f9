package actions

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// company makes or updates a company, and attaches the event's contact to one:
//
//   - company: { save: { company_id: acme, name: Acme, plan: pro, attributes: {...} } }
//   - company: { attach: "{{ ... }}" }     # by your own id, company_id
//   - company: { detach: acme }
//
// Everything of it may be repeated. Intercom shows a company only once a contact is attached.
type company struct{ repeatable }

// The forms of company.
const (
	companySave   = "save"
	companyAttach = "attach"
	companyDetach = "detach"
)

type companyParams struct {
	Do         string         `json:"do"`
	CompanyID  string         `json:"company_id"` // yours
	Contact    string         `json:"contact,omitempty"`
	Fields     map[string]any `json:"fields,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Name is "company".
func (company) Name() string { return "company" }

// Parse reads one of the forms.
func (company) Parse(n *yaml.Node, d Decoder) Spec {
	link := func(do string) form {
		return func(n *yaml.Node, d Decoder) Spec {
			if id := requireText(n, d, "your id of the company", false); id != nil {
				return &companyLinkSpec{do, id}
			}
			return nil
		}
	}
	return parseForm("company", n, d, map[string]form{
		companySave: parseCompany, companyAttach: link(companyAttach), companyDetach: link(companyDetach),
	})
}

// companySpec makes or updates a company.
type companySpec struct {
	id         Text
	fields     []field
	attributes []field
}

// companyTexts and companyNumbers are what can be set.
var (
	companyTexts   = []string{"industry", "name", "plan", "website"}
	companyNumbers = []string{"monthly_spend", "size"}
)

func parseCompany(n *yaml.Node, d Decoder) Spec {
	s, ok, seen := &companySpec{}, true, false
	known := map[string]func(*yaml.Node){
		"company_id": func(n *yaml.Node) {
			seen, s.id = true, requireText(n, d, "your id of the company", false)
			ok = ok && s.id != nil
		},
		"attributes": func(n *yaml.Node) {
			var fine bool
			s.attributes, fine = parseFields(n, d, parseScalar)
			ok = ok && fine
		},
	}
	for _, name := range slices.Concat(companyTexts, companyNumbers) {
		known[name] = func(n *yaml.Node) {
			v, fine := parseScalar(n, d)
			_, isNumber := v.literal.(int64)
			if fine && v.text == nil && v.literal != nil && (slices.Contains(companyTexts, name) || !isNumber) {
				d.Problem(n, CodeParameter, "", "%s cannot be %v", name, v.literal)
				fine = false
			}
			s.fields, ok = append(s.fields, field{name, v, n}), ok && fine
		}
	}
	d.Fields(n, known)
	if n.Kind == yaml.MappingNode && !seen {
		d.Problem(n, CodeParameter, "", "a company is known by your own id of it: company_id")
	}
	if !ok || s.id == nil {
		return nil
	}
	return s
}

// Plan renders the values.
func (s *companySpec) Plan(p Plan) (json.RawMessage, error) {
	params := companyParams{Do: companySave}
	var err error
	if params.CompanyID, err = companyID(s.id, p); err != nil {
		return nil, err
	}
	if params.Fields, err = renderWords(s.fields, p.Facts); err != nil {
		return nil, err
	}
	if params.Attributes, err = renderFields(s.attributes, p.Facts); err != nil {
		return nil, err
	}
	return encodeParams(params)
}

func companyID(t Text, p Plan) (string, error) {
	id, err := t.Render(p.Facts)
	if err != nil {
		return "", err
	}
	if id = strings.TrimSpace(id); id == "" {
		return "", errorf("the id of the company came out empty")
	}
	return id, nil
}

// Summary names the company as written.
func (s *companySpec) Summary() string { return "company save " + constant(s.id) }

// companyLinkSpec attaches the contact to a company, or detaches it.
type companyLinkSpec struct {
	do string
	id Text
}

// Plan renders the id and finds the contact.
func (s *companyLinkSpec) Plan(p Plan) (json.RawMessage, error) {
	id, err := companyID(s.id, p)
	if err != nil {
		return nil, err
	}
	who, err := p.Contact()
	if err != nil {
		return nil, err
	}
	return encodeParams(companyParams{Do: s.do, CompanyID: id, Contact: who})
}

// Summary names the company as written.
func (s *companyLinkSpec) Summary() string { return "company " + s.do + " " + constant(s.id) }

// Do carries out one of the forms.
func (company) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p companyParams
	if err := decodeParams("company", c.Params, &p); err != nil {
		return Result{}, err
	}
	if p.Do == companySave {
		r, err := p.request(ctx, env)
		if err != nil {
			return Result{}, err
		}
		saved, err := env.Client.SaveCompany(ctx, r)
		if err != nil {
			return Result{}, err
		}
		return Result{Detail: "saved company " + string(saved.ID), Touched: []string{event.KindCompany + "/" + string(saved.ID)}}, nil
	}
	found, _, err := env.Client.FindCompany(ctx, p.CompanyID)
	if p.Do == companyDetach {
		if intercom.NotFound(err) {
			return Result{Detail: "detached already: there is no such company"}, nil
		}
		if err != nil {
			return Result{}, err
		}
		if err = env.Client.DetachCompany(ctx, p.Contact, string(found.ID)); intercom.NotFound(err) {
			err = nil // it is detached
		}
		return p.linked("detached from company ", found.ID), err
	}
	if err != nil {
		return Result{}, err
	}
	err = env.Client.AttachCompany(ctx, p.Contact, string(found.ID))
	return p.linked("attached to company ", found.ID), err
}

// linked is the result of a call that changed what a contact and a company have to do with each
// other.
func (p *companyParams) linked(detail string, id intercom.ID) Result {
	return Result{Detail: detail + string(id), Touched: []string{event.KindContact + "/" + p.Contact, event.KindCompany + "/" + string(id)}}
}

// request is what is sent: attributes get their types.
func (p *companyParams) request(ctx context.Context, env *Env) (r intercom.CompanyRequest, err error) {
	r.CompanyID = p.CompanyID
	texts := map[string]**string{"name": &r.Name, "plan": &r.Plan, "website": &r.Website, "industry": &r.Industry}
	numbers := map[string]**int{"size": &r.Size, "monthly_spend": &r.MonthlySpend}
	for name, v := range p.Fields {
		text, given := v.(string)
		if !given {
			continue
		}
		if into := texts[name]; into != nil {
			*into = &text
		}
		if into := numbers[name]; into != nil {
			n, err := strconv.Atoi(text)
			if err != nil {
				return r, errorf("%s takes whole numbers, and this is none", name)
			}
			*into = &n
		}
	}
	r.CustomAttributes, err = attributeValues(ctx, env, intercom.ModelCompany, p.Attributes)
	return r, err
}

func (company) describe(params json.RawMessage) string {
	var p companyParams
	if decodeParams("company", params, &p) != nil {
		return "company"
	}
	return "company " + p.Do + " " + short(p.CompanyID, 80)
}
