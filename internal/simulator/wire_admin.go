package simulator

type adminJSON struct {
	Type             string `json:"type"`
	ID               string `json:"id"`
	Name             string `json:"name"`
	Email            string `json:"email"`
	Away             bool   `json:"away_mode_enabled"`
	Reassign         bool   `json:"away_mode_reassign"`
	HasInboxSeat     bool   `json:"has_inbox_seat"`
	AwayStatusReason any    `json:"away_status_reason_id"`
	TeamIDs          []any  `json:"team_ids"`
	Avatar           any    `json:"avatar"` // a URL here, an object in GET /me
}

func avatar() map[string]any {
	return map[string]any{
		"type":      "avatar",
		"image_url": "https://static.intercomassets.com/assets/default-avatars/admins/128.png",
	}
}

func (w *workspace) adminJSON(a *Admin) adminJSON {
	return adminJSON{
		Type: "admin", ID: a.ID, Name: a.Name, Email: a.Email, Away: a.Away, Reassign: a.Reassign,
		HasInboxSeat: !a.NoInboxSeat, TeamIDs: numbers(w.teamsOf(a.ID)),
	}
}

type teamJSON struct {
	Type            string `json:"type"`
	ID              string `json:"id"`
	Name            string `json:"name"`
	AdminIDs        []any  `json:"admin_ids"`
	AssignmentLimit any    `json:"assignment_limit"`
	Distribution    string `json:"distribution_method"`
}

func (t *Team) json() teamJSON {
	return teamJSON{Type: "team", ID: t.ID, Name: t.Name, AdminIDs: numbers(t.Admins), Distribution: t.Distribution}
}

// adminItem is an admin as notifications show it: the id is a number.
func (w *workspace) adminItem(a *Admin) map[string]any {
	return map[string]any{
		"type": "admin", "id": number(a.ID), "name": a.Name, "email": a.Email, "away_mode_enabled": a.Away,
		"away_mode_reassign": a.Reassign, "has_inbox_seat": !a.NoInboxSeat, "team_ids": numbers(w.teamsOf(a.ID)),
		"avatar": avatar(),
	}
}
