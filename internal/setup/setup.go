// Package setup makes the files of a new set-up: rules and their tests with the names that a workspace really has,
// secrets, and settings.
//
// It goes in three steps. Find asks Intercom who the token belongs to, where, and what it may do. Make drafts the
// files and lives through what will be done with them: the rules are loaded, their names looked up and their tests
// run. Put writes them, all or none: each is made beside its place and then moved there, and what was moved is
// taken back when a later one cannot be. Nothing that is there is replaced unless that is asked for; then the
// old file comes back when something fails. After a crash in the midst of it, some of the files may be there.
package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/workspace"
)

// Found is what is known of a workspace.
type Found struct {
	Region   string // us, eu or au; empty if an address was given
	Me       *intercom.Me
	Snapshot *workspace.Snapshot
	// Missing are the lists of names that the token may not read.
	Missing     []error
	Permissions []workspace.Permission
}

// Find asks Intercom. client makes a client for a region, or for an address of the operator's if the region is
// empty. region is the one to ask; "auto" is whichever knows the token.
func Find(ctx context.Context, client func(region string) (*intercom.Client, error), region string) (*Found, error) {
	if region == "auto" {
		return findAnywhere(ctx, client)
	}
	f, err := find(ctx, client, region)
	if refused(err) && region != "" {
		if fits := workspace.RegionOf(ctx, client, region); fits != "" {
			return nil, fmt.Errorf("the access token is of the region %s, not of %s: say --region %s", fits, region, fits)
		}
	}
	return f, explained(err)
}

// findAnywhere asks all regions. If none knows the token, what the first says counts.
func findAnywhere(ctx context.Context, client func(region string) (*intercom.Client, error)) (*Found, error) {
	region := workspace.RegionOf(ctx, client, "")
	if region == "" {
		region = workspace.Regions[0]
	}
	f, err := find(ctx, client, region)
	return f, explained(err)
}

func find(ctx context.Context, client func(region string) (*intercom.Client, error), region string) (f *Found, err error) {
	c, err := client(region)
	if err != nil {
		return nil, err
	}
	f = &Found{Region: region}
	if f.Me, err = c.Me(ctx); err != nil {
		return nil, err
	}
	if f.Snapshot, f.Missing, err = workspace.Read(ctx, c, time.Now()); err != nil {
		return nil, err
	}
	f.Permissions = workspace.Permissions(ctx, c)
	return f, nil
}

func refused(err error) bool {
	e, ok := errors.AsType[*intercom.Error](err)
	return ok && e.Status == http.StatusUnauthorized
}

// explained adds what to do to a refusal.
func explained(err error) error {
	if refused(err) {
		return fmt.Errorf("Intercom knows the access token in no region that was asked: copy it again from the Developer Hub (Configure, Authentication): %w", err) //nolint:staticcheck // a name
	}
	return err
}

// Admin finds the teammate who is to act, by e-mail, name or id; the token's own if who is empty. One without
// a seat cannot act.
func (f *Found) Admin(who string) (workspace.Admin, error) {
	if who == "" {
		who = string(f.Me.ID)
	}
	if f.Snapshot.Admins == nil { // the token may not read them
		if who == string(f.Me.ID) || strings.EqualFold(who, f.Me.Email) {
			return workspace.Admin{ID: string(f.Me.ID), Name: f.Me.Name, Email: f.Me.Email, InboxSeat: f.Me.HasInboxSeat}, nil
		}
		return workspace.Admin{}, fmt.Errorf("%s cannot be looked up without the permission %q", who, workspace.ReadAdmins)
	}
	i := slices.IndexFunc(f.Snapshot.Admins, func(a workspace.Admin) bool {
		return a.ID == who || strings.EqualFold(a.Email, who) || strings.EqualFold(a.Name, who)
	})
	if i < 0 {
		var known []string
		for _, a := range f.Snapshot.Admins {
			known = append(known, a.Email, a.Name)
		}
		words := fmt.Sprintf("no teammate %q in %s", who, f.Snapshot.Workspace.Name)
		if hint := diag.DidYouMean(who, known); hint != "" {
			words += ": " + hint
		}
		return workspace.Admin{}, errors.New(words)
	}
	a := f.Snapshot.Admins[i]
	if !a.InboxSeat {
		return a, fmt.Errorf("%s has no inbox seat, so Intercom refuses their replies, notes and assignments: give them a seat, or name somebody else", a.Name)
	}
	return a, nil
}

// Refused are the permissions that rules need and that the token lacks.
func (f *Found) Refused(needed []string) (names []string) {
	for _, p := range f.Permissions {
		if p.Answer == workspace.Refused && slices.Contains(needed, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}
