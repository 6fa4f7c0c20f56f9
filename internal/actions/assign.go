package actions

import (
	"context"
	"encoding/json"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// assign gives the conversation to a team, to a teammate, or to nobody:
//
//   - assign: { team: Finance }
//   - assign: { admin: ada@acme.test }
//   - assign: nobody
//
// A closed conversation is opened by it. pick.go has the forms that pick a teammate of the team.
type assign struct{ repeatable }

type assignSpec struct {
	onConversations
	to   string     // team, admin or nobody
	name Text       // nil for nobody
	at   *yaml.Node // where the name is
	pick *pickParams
}

// assignParams hold one of the three.
type assignParams struct {
	Team   string `json:"team,omitempty"`
	Admin  string `json:"admin,omitempty"`
	Nobody bool   `json:"nobody,omitempty"`
	// Pick says how to pick a teammate of the team; nil for not at all.
	Pick *pickParams `json:"pick,omitempty"`
}

const assignHint = "write {team: NAME}, {admin: E-MAIL} or nobody"

// Name is "assign".
func (assign) Name() string { return "assign" }

// Parse reads whom to assign.
func (assign) Parse(n *yaml.Node, d Decoder) Spec {
	if n.Kind != yaml.MappingNode {
		if n.Kind == yaml.ScalarNode && n.Value == "nobody" {
			return &assignSpec{to: "nobody"}
		}
		d.Problem(n, CodeParameter, assignHint, "assign needs to know to whom")
		return nil
	}
	s, ok, targets := &assignSpec{}, true, 0
	to := func(what string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			targets++
			if targets > 1 {
				d.Problem(n, CodeParameter, "use two assign actions", "one assign has either a team or an admin")
				ok = false
				return
			}
			s.to, s.at, s.name = what, n, requireText(n, d, "the name of the "+what, false)
			ok = ok && s.name != nil
		}
	}
	fields := map[string]func(*yaml.Node){"team": to("team"), "admin": to("admin")}
	pick := parsePick(fields, d)
	d.Fields(n, fields)
	how, fine := pick(s.to != "admin")
	s.pick = how
	if targets == 0 {
		d.Problem(n, CodeParameter, assignHint, "assign needs to know to whom")
	}
	if !ok || !fine || targets == 0 {
		return nil
	}
	return s
}

// Plan renders the name.
func (s *assignSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID("assign", p.Event.Subject); err != nil {
		return nil, err
	}
	if s.name == nil {
		return encodeParams(assignParams{Nobody: true})
	}
	name, err := s.name.Render(p.Facts)
	if err != nil {
		return nil, err
	}
	name = strings.TrimSpace(name)
	if name == "" {
		return nil, errorf("the name of the %s came out empty", s.to)
	}
	if s.to == "team" {
		return encodeParams(assignParams{Team: name, Pick: s.pick})
	}
	return encodeParams(assignParams{Admin: name})
}

// Summary names the assignee as written.
func (s *assignSpec) Summary() string {
	if s.name == nil {
		return "assign nobody"
	}
	if s.pick != nil {
		return "assign team " + constant(s.name) + ", " + s.pick.words()
	}
	return "assign " + s.to + " " + constant(s.name)
}

// Do assigns the conversation.
func (k assign) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p assignParams
	if err := decodeParams("assign", c.Params, &p); err != nil {
		return Result{}, err
	}
	if p.Pick != nil {
		return k.pick(ctx, env, c, p)
	}
	t, err := resolve(ctx, env, "assign", c)
	if err != nil {
		return Result{}, err
	}
	r, detail, err := assignee(ctx, env, p)
	if err != nil {
		return Result{}, err
	}
	r.AdminID = t.admin
	conv, err := env.Client.Assign(ctx, t.conversation, r)
	if err != nil {
		return Result{}, err
	}
	return Result{Parts: t.made(env, conv, c, isAssignment), Detail: detail}, nil
}

// assignee finds the ids for the names.
func assignee(ctx context.Context, env *Env, p assignParams) (r intercom.AssignRequest, detail string, err error) {
	switch {
	case p.Team != "":
		team, err := env.Directory.Team(ctx, p.Team)
		if err != nil {
			return r, "", err
		}
		return intercom.AssignRequest{Type: "team", AssigneeID: string(team.ID)}, "assigned to team " + team.Name, nil
	case p.Admin != "":
		admin, err := env.Directory.Admin(ctx, p.Admin)
		if err != nil {
			return r, "", err
		}
		if !admin.HasInboxSeat {
			return r, "", errorf("%s cannot be assigned conversations: no inbox seat in Intercom", short(p.Admin, 80))
		}
		return intercom.AssignRequest{Type: "admin", AssigneeID: string(admin.ID)}, "assigned to " + admin.Name, nil
	case p.Nobody:
		return intercom.AssignRequest{Type: "admin", AssigneeID: intercom.Nobody}, "assigned to nobody", nil
	}
	return r, "", errorf("the stored parameters of assign name nobody to assign")
}

func (assign) describe(params json.RawMessage) string {
	var p assignParams
	if decodeParams("assign", params, &p) != nil {
		return "assign"
	}
	switch {
	case p.Team != "" && p.Pick != nil:
		return "assign team " + short(p.Team, 80) + ", " + p.Pick.words()
	case p.Team != "":
		return "assign team " + short(p.Team, 80)
	case p.Admin != "":
		return "assign admin " + short(p.Admin, 80)
	}
	return "assign nobody"
}
