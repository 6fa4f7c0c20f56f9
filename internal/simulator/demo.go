package simulator

import (
	"fmt"
	"strings"
	"time"
)

// Cast is who takes part in a workspace's life: ids of contacts and of human teammates.
type Cast struct {
	Customers, Teammates []string
}

// DemoWorkspace fills a workspace with a support team and its customers: the teams Support,
// Finance, Technical and Priority, five teammates beside the token's own admin, three
// companies, and contacts on the plans free, pro and enterprise. Some of them write from
// acme.com and globex.com. There are ticket types, articles and custom attributes too.
func DemoWorkspace(s *Simulator) Cast {
	var cast Cast
	for _, name := range []string{"Ines Okafor", "Jonas Weber", "Priya Raman", "Tomás Silva", "Hana Novak"} {
		first, _, _ := strings.Cut(name, " ")
		mail := strings.ToLower(strings.NewReplacer("á", "a").Replace(first)) + "@acme.test"
		cast.Teammates = append(cast.Teammates, s.AddAdmin(Admin{Name: name, Email: mail}))
	}
	crew := func(members ...int) (ids []string) {
		for _, i := range members {
			ids = append(ids, cast.Teammates[i])
		}
		return ids
	}
	s.AddTeam(Team{Name: "Support", Admins: crew(0, 1, 2, 3, 4)})
	s.AddTeam(Team{Name: "Finance", Admins: crew(0, 3)})
	s.AddTeam(Team{Name: "Technical", Admins: crew(1, 2)})
	s.AddTeam(Team{Name: "Priority", Admins: crew(2, 4)})

	companies := map[string]string{}
	for _, c := range []Company{
		{CompanyID: "acme", Name: "Acme Corporation", Plan: "enterprise", Industry: "Manufacturing", Size: 900, MonthlySpend: 4800},
		{CompanyID: "globex", Name: "Globex", Plan: "pro", Industry: "Energy", Size: 240, MonthlySpend: 900},
		{CompanyID: "initech", Name: "Initech", Plan: "enterprise", Industry: "Software", Size: 120, MonthlySpend: 2100},
	} {
		companies[c.CompanyID+".com"] = s.AddCompany(c)
	}
	for i, p := range demoPeople {
		name, domain, plan := p[0], p[1], p[2]
		first, _, _ := strings.Cut(name, " ")
		contact := Contact{
			Name: name, Email: strings.ToLower(first) + "@" + domain, ExternalID: fmt.Sprintf("customer-%d", 1001+i),
			CustomAttributes: map[string]any{"plan": plan, "seats": 1 + i*7%40},
			Country:          "Ireland", City: "Dublin", Browser: "firefox", OS: "Linux", Language: "en",
			SignedUpAt: time.Now().AddDate(0, -1-i%18, 0),
		}
		if plan == "" { // somebody who has only asked a question so far
			contact.Role, contact.ExternalID, contact.CustomAttributes = "lead", "", nil
		}
		if id := companies[domain]; id != "" {
			contact.Companies = []string{id}
		}
		cast.Customers = append(cast.Customers, s.AddContact(contact))
	}
	demoContent(s)
	return cast
}

// demoPeople are name, domain and plan; without a plan they are leads.
var demoPeople = [][3]string{
	{"Amara Diallo", "acme.com", "enterprise"},
	{"Ben Fischer", "acme.com", "enterprise"},
	{"Carla Mendes", "acme.com", "pro"},
	{"Dmitri Volkov", "globex.com", "pro"},
	{"Elif Kaya", "globex.com", "enterprise"},
	{"Farah Haddad", "globex.com", "free"},
	{"Gustav Lind", "initech.com", "enterprise"},
	{"Hugo Marchetti", "initech.com", "pro"},
	{"Ida Bakke", "example.com", "free"},
	{"Jun Watanabe", "example.com", "free"},
	{"Kofi Mensah", "example.com", "pro"},
	{"Lena Hoffmann", "example.com", "free"},
	{"Marta Kowalska", "example.org", "free"},
	{"Nadia Rahman", "example.org", "pro"},
	{"Oscar Jensen", "example.org", "free"},
	{"Paula Quispe", "example.org", "enterprise"},
	{"Quentin Moreau", "example.net", "free"},
	{"Rosa Delgado", "example.net", "pro"},
	{"Samir Patel", "example.net", "free"},
	{"Tove Nilsen", "example.net", "free"},
	{"Uma Krishnan", "example.net", "pro"},
	{"Viktor Horvat", "example.org", ""},
	{"Wen Zhao", "example.com", ""},
	{"Yara Costa", "example.net", ""},
}
