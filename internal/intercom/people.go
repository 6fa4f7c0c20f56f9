package intercom

import (
	"context"
	"encoding/json"
	"net/http"
)

// Admin is a teammate.
type Admin struct {
	ID               ID     `json:"id"`
	Name             string `json:"name"`
	Email            string `json:"email"`
	AwayModeEnabled  bool   `json:"away_mode_enabled"`
	AwayModeReassign bool   `json:"away_mode_reassign"`
	// HasInboxSeat is false for teammates who cannot be assigned conversations. It counts as
	// true when Intercom does not say.
	HasInboxSeat bool `json:"has_inbox_seat"`
	TeamIDs      []ID `json:"team_ids"`
}

// UnmarshalJSON decodes leniently.
func (a *Admin) UnmarshalJSON(b []byte) error {
	type plain Admin
	*a = Admin{HasInboxSeat: true}
	return lenient(b, (*plain)(a))
}

// App is the workspace that a token belongs to.
type App struct {
	// IDCode is the workspace's id, which webhooks carry as app_id.
	IDCode   string `json:"id_code"`
	Name     string `json:"name"`
	Timezone string `json:"timezone"`
	Region   string `json:"region"`
}

// UnmarshalJSON decodes leniently.
func (a *App) UnmarshalJSON(b []byte) error {
	type plain App
	return lenient(b, (*plain)(a))
}

// Me is who the token belongs to.
type Me struct {
	Admin
	App App
}

// UnmarshalJSON decodes leniently.
func (m *Me) UnmarshalJSON(b []byte) error {
	var app struct {
		App App `json:"app"`
	}
	if err := decode(b, &app); err != nil {
		return err
	}
	m.App = app.App
	return json.Unmarshal(b, &m.Admin)
}

// Team is a team of teammates.
type Team struct {
	ID       ID     `json:"id"`
	Name     string `json:"name"`
	AdminIDs []ID   `json:"admin_ids"`
}

// Me asks who the token belongs to (GET /me).
func (c *Client) Me(ctx context.Context) (*Me, error) {
	r := request{method: http.MethodGet, endpoint: "/me"}
	var me Me
	if _, err := c.call(ctx, r, &me); err != nil {
		return nil, err
	}
	if me.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer names no admin", nil)
	}
	return &me, nil
}

// Admins lists the teammates (GET /admins).
func (c *Client) Admins(ctx context.Context) ([]Admin, error) {
	return all[Admin](ctx, c, "/admins", "admins", "data")
}

// Admin reads a teammate (GET /admins/{id}).
func (c *Client) Admin(ctx context.Context, id string) (*Admin, error) {
	return c.admin(ctx, request{method: http.MethodGet, endpoint: "/admins/{id}", ids: []string{id}})
}

func (c *Client) admin(ctx context.Context, r request) (*Admin, error) {
	var admin Admin
	if _, err := c.call(ctx, r, &admin); err != nil {
		return nil, err
	}
	if admin.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not an admin", nil)
	}
	return &admin, nil
}

// SetAwayRequest says whether a teammate is away.
type SetAwayRequest struct {
	Away bool
	// Reassign gives new replies of customers to the default inbox.
	Reassign bool
	// ReasonID is one of the workspace's reasons; some workspaces demand one.
	ReasonID string
}

// SetAway sets a teammate away or back (PUT /admins/{id}/away). It is safe to repeat; Admin
// tells whether it was done.
func (c *Client) SetAway(ctx context.Context, adminID string, a SetAwayRequest) (*Admin, error) {
	return c.admin(ctx, request{
		method: http.MethodPut, endpoint: "/admins/{id}/away", ids: []string{adminID},
		body: struct {
			Away     bool   `json:"away_mode_enabled"`
			Reassign bool   `json:"away_mode_reassign"`
			ReasonID number `json:"away_status_reason_id,omitempty"`
		}{a.Away, a.Reassign, number(a.ReasonID)},
	})
}

// Team reads a team (GET /teams/{id}).
func (c *Client) Team(ctx context.Context, id string) (*Team, error) {
	r := request{method: http.MethodGet, endpoint: "/teams/{id}", ids: []string{id}}
	var team Team
	if _, err := c.call(ctx, r, &team); err != nil {
		return nil, err
	}
	if team.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not a team", nil)
	}
	return &team, nil
}

// Teams lists the teams (GET /teams).
func (c *Client) Teams(ctx context.Context) ([]Team, error) {
	return all[Team](ctx, c, "/teams", "teams", "data")
}
