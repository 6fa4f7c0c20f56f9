package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Names are told once, with the place and the way in which each is compared, whatever is around them.
func TestNames(t *testing.T) {
	rs, problems := Parse([]Source{
		{Name: "settings.yaml", Text: []byte("version: 1\nsettings: { admin: ops@acme.test }\nlists: { plans: [pro] }\n")},
		{Name: "rules.yaml", Text: []byte(`version: 1
rules:
  - name: one
    when: conversation.user.created
    if:
      - has_tag("VIP", contact.name)
      - let c = company; any(companies, let d = contact; d.custom_attributes.plan in lists.plans) and c.custom_attributes.tier != nil
      - contact.custom_attributes[contact.name] == nil
      - 'len(conversations({field: "team_assignee_id", operator: "=", value: "814"})) > 0'
    then:
      - tag: [Refund, "{{ contact.name }}"]
  - name: two
    when: conversation.user.created
    then:
      - set: { contact: { seats: 5, plan: "{{ contact.custom_attributes.tier }}" } }
      - assign: nobody
`)},
	})
	if rs == nil {
		t.Fatal(problems)
	}
	var got []string
	for _, u := range rs.Names() {
		line := fmt.Sprintf("%s:%d:%d-%d %s %q of %q by %d", u.Place.File, u.Place.Line, u.Place.Column, u.Place.EndColumn, u.Kind, u.Name, u.Of, u.By)
		if u.Compared || u.Set {
			line += fmt.Sprintf(" value %v", u.Value)
		}
		got = append(got, line)
	}
	want := []string{
		`settings.yaml:2:20-33 admin "ops@acme.test" of "" by 0`,
		`rules.yaml:6:17-22 tag "VIP" of "" by 1`,
		`rules.yaml:7:78-82 attribute "plan" of "contact" by 3`,
		`rules.yaml:7:92-97 attribute "plan" of "contact" by 3 value pro`,
		`rules.yaml:7:123-127 attribute "tier" of "company" by 3`,
		`rules.yaml:9:78-83 team "814" of "" by 2`,
		`rules.yaml:15:73-77 attribute "tier" of "contact" by 3`,
		`rules.yaml:11:15-21 tag "Refund" of "" by 0`,
		`rules.yaml:15:27-32 attribute "seats" of "contact" by 0`,
		`rules.yaml:15:34-35 attribute "seats" of "contact" by 0 value 5`,
		`rules.yaml:15:37-41 attribute "plan" of "contact" by 0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
