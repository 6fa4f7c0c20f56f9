package simulator

// demoContent adds what a support team has made for itself: attributes, ticket types and
// articles.
func demoContent(s *Simulator) {
	for _, name := range []string{"issue_type", "order_number"} {
		s.AddConversationAttribute(name)
	}
	s.AddAttribute(Attribute{Model: modelContact, Name: "renewal_at", Type: "date", Description: "When the contract ends"})
	s.AddAttribute(Attribute{Model: modelContact, Name: "vip", Type: "boolean"})
	s.AddAttribute(Attribute{
		Model: modelCompany, Name: "tier", Options: []string{"gold", "silver", "bronze"}, Description: "How much help it pays for",
	})
	s.AddTicketType(TicketType{Name: "Bug report", Description: "Something does not work", Icon: "🐞", Attributes: []TicketAttribute{
		{Name: "Severity", Type: "list", Items: []ListItem{{ID: "1", Label: "Low"}, {ID: "2", Label: "High"}, {ID: "3", Label: "Down"}}},
		{Name: "Browser"},
	}})
	s.AddTicketType(TicketType{Name: "Refund", Description: "Money to give back", Icon: "💶", Attributes: []TicketAttribute{
		{Name: "Amount", Type: "decimal"},
		{Name: "Invoice"},
	}})
	s.AddTicketType(TicketType{Name: "Investigation", Description: "For colleagues", Icon: "🔎", Category: CategoryBackOffice})
	s.AddTicketType(TicketType{Name: "Incident", Description: "One cause, many customers", Icon: "🔥", Category: CategoryTracker})
	for _, a := range []Article{
		{
			Title: "How refunds work", Description: "When and how you get your money back",
			Body: "<p>A refund takes three to five working days. Ask for one within 30 days of the invoice.</p>",
		},
		{
			Title: "Resetting your password", Description: "When you cannot log in",
			Body: "<p>Use the link on the login page. It is good for one hour.</p>",
		},
		{
			Title: "Exporting your data", Description: "CSV and JSON exports",
			Body: "<p>Open Settings, then Data, then Export. Large exports arrive by e-mail.</p>",
		},
		{
			Title: "Plans and prices", Description: "What each plan has",
			Body: "<p>Free, pro and enterprise. Enterprise comes with a service level agreement.</p>",
		},
		{Title: "Service level agreement", Description: "Answer times", State: "draft", Body: "<p>To be written.</p>"},
	} {
		s.AddArticle(a)
	}
}
