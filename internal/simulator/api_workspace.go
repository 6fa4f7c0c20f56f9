package simulator

import "slices"

func getMe(c *call) (any, error) {
	admin := c.space.admins.byID[c.space.tokenAdmin]
	return map[string]any{
		"type": "admin", "id": admin.ID, "email": admin.Email, "name": admin.Name, "email_verified": true,
		"app": map[string]any{
			"type": "app", "id_code": c.options.AppID, "name": "Simulated workspace", "created_at": int64(1_500_000_000),
			"secure": false, "identity_verification": false, "timezone": "UTC", "region": c.options.Region,
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

// setAway says whether an admin takes conversations.
func setAway(c *call) (any, error) {
	var in struct {
		Enabled  *bool `json:"away_mode_enabled"`
		Reassign *bool `json:"away_mode_reassign"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	admin := c.space.admins.byID[c.param("id")]
	switch {
	case admin == nil:
		return nil, errNoAdmin
	case in.Enabled == nil:
		return nil, missing("away_mode_enabled")
	case in.Reassign == nil:
		return nil, missing("away_mode_reassign")
	}
	admin.Away, admin.Reassign = *in.Enabled, *in.Reassign
	c.entry.Effect, c.entry.Admin = EffectAway, admin.ID
	c.tellAway(admin, c.now, true)
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
