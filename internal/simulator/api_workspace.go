package simulator

import (
	"net/http"
	"slices"
	"strings"
)

func getMe(c *call) (any, error) {
	admin := c.space.admins.byID[c.space.tokenAdmin]
	return map[string]any{
		"type": "admin", "id": admin.ID, "email": admin.Email, "name": admin.Name, "email_verified": true,
		"app": map[string]any{
			"type": "app", "id_code": c.options.AppID, "name": "Simulated workspace", "created_at": int64(1_500_000_000),
			"secure": false, "identity_verification": false, "timezone": "UTC", "region": "US",
		},
		"avatar": avatar(), "has_inbox_seat": !admin.NoInboxSeat,
	}, nil
}

func listAdmins(c *call) (any, error) {
	admins := []adminJSON{}
	for admin := range c.space.admins.all {
		admins = append(admins, c.space.adminJSON(admin))
	}
	return map[string]any{"type": "admin.list", "admins": admins}, nil
}

func getAdmin(c *call) (any, error) {
	admin := c.space.admins.byID[c.param("id")]
	if admin == nil {
		return nil, errNoAdmin
	}
	return c.space.adminJSON(admin), nil
}

func listTeams(c *call) (any, error) {
	teams := []teamJSON{}
	for team := range c.space.teams.all {
		teams = append(teams, team.json())
	}
	return map[string]any{"type": "team.list", "teams": teams}, nil
}

func getTeam(c *call) (any, error) {
	team := c.space.teams.byID[c.param("id")]
	if team == nil {
		return nil, errNoTeam
	}
	return team.json(), nil
}

func listTags(c *call) (any, error) {
	tags := []tagJSON{}
	for tag := range c.space.tags.all {
		tags = append(tags, tagJSON{Type: "tag", ID: tag.ID, Name: tag.Name})
	}
	return map[string]any{"type": "list", "data": tags}, nil
}

func getTag(c *call) (any, error) {
	tag := c.space.tags.byID[c.param("id")]
	if tag == nil {
		return nil, errNoTag
	}
	return tagJSON{Type: "tag", ID: tag.ID, Name: tag.Name}, nil
}

// upsertTag makes a tag, returns the one that has the name already (in any case), or renames
// the one of a given id.
func upsertTag(c *call) (any, error) {
	var in struct {
		ID        givenID `json:"id"`
		Name      string  `json:"name"`
		Companies []any   `json:"companies"`
		Users     []any   `json:"users"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	name := strings.TrimSpace(in.Name)
	if name == "" {
		return nil, errTagParameters
	}
	if in.Companies != nil || in.Users != nil {
		return nil, invalid("users", "tagging in bulk is not simulated")
	}
	c.entry.Tag = name
	if in.ID != "" {
		tag := c.space.tags.byID[string(in.ID)]
		if tag == nil {
			return nil, errNoTag
		}
		if same := c.space.tagByName(name); same != nil && same != tag {
			return nil, &apiError{status: http.StatusConflict, code: "conflict", message: "A tag with that name already exists"}
		}
		tag.Name = name
		c.entry.Effect = EffectMakeTag
		return tagJSON{Type: "tag", ID: tag.ID, Name: tag.Name}, nil
	}
	if c.space.tagByName(name) == nil {
		c.entry.Effect = EffectMakeTag
	}
	tag := c.addTag(name)
	return tagJSON{Type: "tag", ID: tag.ID, Name: tag.Name}, nil
}

// actor finds the admin in whose name a call acts.
func (c *call) actor(id givenID) (Author, error) {
	if id == "" {
		return Author{}, missing("admin_id")
	}
	admin := c.space.admins.byID[string(id)]
	if admin == nil {
		return Author{}, errNoAdmin
	}
	if admin.NoInboxSeat {
		return Author{}, invalid("admin_id", "Admin does not have an inbox seat")
	}
	c.entry.Admin = admin.ID
	return admin.author(), nil
}

// tagOf finds the applied tag with an id; nil when it is not on.
func tagOf(tags []AppliedTag, id string) *AppliedTag {
	if i := slices.IndexFunc(tags, func(t AppliedTag) bool { return t.ID == id }); i >= 0 {
		return &tags[i]
	}
	return nil
}
