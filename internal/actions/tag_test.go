package actions

import (
	"slices"
	"testing"
)

// TestTouched_of_tags_I9: Intercom tells of tags that are taken off only where they are off a contact.
func TestTouched_of_tags_I9(t *testing.T) {
	for _, tc := range []struct {
		kind, subject, contact string
		want                   []string
	}{
		{"tag", "conversation/7", "", []string{"conversation/7#tag"}},
		{"untag", "conversation/7", "", nil},
		{"tag", "conversation/7", "c9", []string{"contact/c9"}},
		{"untag", "conversation/7", "c9", []string{"contact/c9"}},
		{"tag", "contact/c9", "", []string{"contact/c9"}},
		{"untag", "contact/c9", "", []string{"contact/c9"}},
		{"tag", "ticket/8", "", []string{"ticket/8", "conversation/8#tag"}},
		{"untag", "ticket/8", "", []string{"ticket/8"}},
	} {
		p := tagParams{Contact: tc.contact}
		if got := p.touched(Call{Kind: tc.kind, Subject: tc.subject}); !slices.Equal(got, tc.want) {
			t.Errorf("%s on %s %s touches %q, want %q", tc.kind, tc.subject, tc.contact, got, tc.want)
		}
	}
}
