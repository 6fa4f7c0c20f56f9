package intercom

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Who can take a conversation changes all day: teammates go away and come back, and every
// conversation counts. So what picking a teammate needs is kept for a minute only, and not even
// that long when Intercom says that it changed.

// crewAge is how old the lists of teammates and teams may be for a pick.
const crewAge = recheck

// Crew finds a team by id or name, and its teammates as they were a minute ago at the most.
// Intercom says twice who is in a team, and either will do. Errors are as for Admin; names that
// are older are no substitute here.
func (d *Directory) Crew(ctx context.Context, ref string) (Team, []Admin, error) {
	for _, l := range []reloader{d.teams, d.admins} {
		if err := d.within(ctx, l, crewAge); err != nil {
			return Team{}, nil, err
		}
	}
	team, err := find(ctx, d, d.teams, ref)
	if err != nil {
		return Team{}, nil, err
	}
	return team, d.admins.those(func(a Admin) bool {
		return slices.Contains(a.TeamIDs, team.ID) || slices.Contains(team.AdminIDs, a.ID)
	}), nil
}

// AdminsChanged says that a teammate went away or came back, joined or left: the next pick reads
// the lists again.
func (d *Directory) AdminsChanged() {
	d.admins.outdate()
	d.teams.outdate()
}

// within reads the list if it is as old as age.
func (d *Directory) within(ctx context.Context, l reloader, age time.Duration) error {
	for range 2 { // the first may have joined a reading that began before something changed
		if have, loaded := l.age(); loaded && have < age {
			return nil
		}
		if err := refresh(ctx, d, l); err != nil {
			return err
		}
	}
	return nil
}

// openCount is how many conversations a teammate had open when it was asked.
type openCount struct {
	n  int
	at time.Time
}

// Open tells how many open conversations a teammate has, as of at: not longer ago than age.
func (d *Directory) Open(ctx context.Context, admin ID, age time.Duration) (n int, at time.Time, err error) {
	d.counting.Store(true)
	for range 2 { // the first may have joined a call that began before something changed
		if c, ok := d.openKnown(admin, age); ok {
			return c.n, c.at, nil
		}
		c, err := share(ctx, d, "open of "+string(admin), func(ctx context.Context) (openCount, error) {
			began := d.client.Now()
			n, err := d.client.OpenConversations(ctx, string(admin))
			c := openCount{n, began}
			if err == nil {
				d.keepOpen(admin, c)
			}
			return c, err
		})
		if err != nil {
			return 0, time.Time{}, err
		}
		n, at = c.n, c.at
	}
	return n, at, nil
}

func (d *Directory) openKnown(admin ID, age time.Duration) (openCount, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.open[admin]
	return c, ok && d.client.Now().Sub(c.at) < age
}

func (d *Directory) keepOpen(admin ID, c openCount) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.at.Before(d.openChanged[admin]) && !c.at.Before(d.openChanged[""]) {
		d.open[admin] = c
	}
}

// Counting tells whether open conversations were ever counted: if not, nobody needs to say that
// their number changed.
func (d *Directory) Counting() bool { return d.counting.Load() }

// OpenChanged says that the number of a teammate's open conversations is another now; with an
// empty id that of everybody's may be.
func (d *Directory) OpenChanged(admin ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.openChanged[admin] = d.client.Now()
	if admin == "" {
		clear(d.open)
	}
	delete(d.open, admin)
}

// OpenConversations counts the open conversations of a teammate: those that are neither closed
// nor snoozed (POST /conversations/search).
func (c *Client) OpenConversations(ctx context.Context, adminID string) (int, error) {
	q, err := And(Eq("admin_assignee_id", adminID), Eq("state", "open")).check(Conversations)
	r := request{method: http.MethodPost, endpoint: "/conversations/search", reads: true}
	if err != nil {
		return 0, r.refuse(err.Error())
	}
	r.body = struct {
		Query      Query          `json:"query"`
		Pagination map[string]int `json:"pagination"`
	}{q, map[string]int{"per_page": 1}}
	var found struct {
		Total *int `json:"total_count"`
	}
	if _, err := c.call(ctx, r, &found); err != nil {
		return 0, err
	}
	if found.Total == nil || *found.Total < 0 {
		return 0, c.unreadable(&r, http.StatusOK, "the answer does not say how many there are", nil)
	}
	return *found.Total, nil
}
