package simulator

import (
	"regexp"
	"slices"
	"strconv"
)

// attributeJSON is a data attribute. Those that every workspace has carry no id.
type attributeJSON struct {
	Type              string   `json:"type"`
	ID                int      `json:"id,omitempty"`
	Name              string   `json:"name"`
	FullName          string   `json:"full_name"`
	Label             string   `json:"label"`
	Description       string   `json:"description"`
	DataType          string   `json:"data_type"`
	Options           []string `json:"options,omitempty"`
	APIWritable       bool     `json:"api_writable"`
	UIWritable        bool     `json:"ui_writable"`
	MessengerWritable bool     `json:"messenger_writable"`
	Custom            bool     `json:"custom"`
	Archived          bool     `json:"archived"`
	CreatedAt         int64    `json:"created_at,omitempty"`
	UpdatedAt         int64    `json:"updated_at,omitempty"`
	AdminID           string   `json:"admin_id,omitempty"`
	Model             string   `json:"model"`
}

func (w *workspace) attributeJSON(a *Attribute) attributeJSON {
	return attributeJSON{
		Type: "data_attribute", ID: a.ID, Name: a.Name, FullName: "custom_attributes." + a.Name, Label: a.Name,
		Description: a.Description, DataType: a.Type, Options: slices.Clone(a.Options), APIWritable: true,
		UIWritable: true, MessengerWritable: a.Model != modelConversation, Custom: true, Archived: a.Archived,
		CreatedAt: a.CreatedAt.Unix(), UpdatedAt: a.UpdatedAt.Unix(), AdminID: w.tokenAdmin, Model: a.Model,
	}
}

// standard are attributes that every workspace has: model, name, type, and whether the API
// may set them.
var standard = []struct {
	model, name, label, kind string
	writable                 bool
}{
	{modelContact, "name", "Name", "string", true},
	{modelContact, "email", "Email", "string", true},
	{modelContact, "phone", "Phone", "string", true},
	{modelContact, "external_id", "User ID", "string", true},
	{modelContact, "owner_id", "Owner", "integer", true},
	{modelContact, "signed_up_at", "Signed up", "date", true},
	{modelContact, "last_seen_at", "Last seen", "date", true},
	{modelContact, "unsubscribed_from_emails", "Unsubscribed from Emails", "boolean", true},
	{modelContact, "created_at", "First Seen", "date", false},
	{modelContact, "last_contacted_at", "Last contacted", "date", false},
	{modelContact, "last_replied_at", "Last heard from", "date", false},
	{modelCompany, "name", "Company name", "string", true},
	{modelCompany, "company_id", "Company ID", "string", false},
	{modelCompany, "remote_created_at", "Company created at", "date", true},
	{modelCompany, "monthly_spend", "Monthly Spend", "float", true},
	{modelCompany, "size", "Company size", "integer", true},
	{modelCompany, "industry", "Company industry", "string", true},
	{modelCompany, "website", "Company website", "string", true},
	{modelCompany, "user_count", "People", "integer", false},
}

// listAttributes shows the attributes of a model, or of all, the built-in ones first.
func listAttributes(c *call) (any, error) {
	model := c.r.URL.Query().Get("model")
	if model != "" && !slices.Contains([]string{modelContact, modelCompany, modelConversation}, model) {
		return nil, invalid("model", "model must be contact, company or conversation")
	}
	archived := c.r.URL.Query().Get("include_archived") == "true"
	data := []attributeJSON{}
	for _, a := range standard {
		if model == "" || model == a.model {
			data = append(data, attributeJSON{
				Type: "data_attribute", Name: a.name, FullName: a.name, Label: a.label, DataType: a.kind,
				APIWritable: a.writable, MessengerWritable: true, Model: a.model,
			})
		}
	}
	for a := range c.space.attributes.all {
		if (model == "" || model == a.Model) && (archived || !a.Archived) {
			data = append(data, c.space.attributeJSON(a))
		}
	}
	return map[string]any{"type": "list", "data": data}, nil
}

var attributeName = regexp.MustCompile(`^[^.$]{1,190}$`)

// createAttribute declares an attribute of contacts or companies; those of conversations
// cannot be made through the API.
func createAttribute(c *call) (any, error) {
	var in struct {
		Name        string `json:"name"`
		Model       string `json:"model"`
		DataType    string `json:"data_type"`
		Description string `json:"description"`
		Options     []struct {
			Value string `json:"value"`
		} `json:"options"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Name == "":
		return nil, missing("name")
	case !attributeName.MatchString(in.Name):
		return nil, invalid("name", "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens")
	case in.Model != modelContact && in.Model != modelCompany:
		return nil, invalid("model", "model must be contact or company")
	case c.space.attribute(in.Model, in.Name) != nil:
		return nil, invalid("name", "You already have '%s' in your %s data. To save this as new %s data, use a different name.", in.Name, in.Model, in.Model)
	case in.DataType == "options" && len(in.Options) < 2:
		return nil, invalid("options", "The Data Attribute model field must be either contact or company and have at least two options")
	case !slices.Contains([]string{"string", "integer", "float", "boolean", "date", "datetime", "options"}, in.DataType):
		return nil, invalid("data_type", "data_type must be string, integer, float, boolean, datetime, date or options")
	}
	a := Attribute{Model: in.Model, Name: in.Name, Description: in.Description, Type: in.DataType, CreatedAt: c.now}
	switch in.DataType {
	case "options":
		a.Type = "string"
	case "datetime":
		a.Type = "date"
	}
	for _, option := range in.Options {
		a.Options = append(a.Options, option.Value)
	}
	c.entry.Effect = EffectAttribute
	return c.space.attributeJSON(c.space.addAttribute(a)), nil
}

// updateAttribute changes the description, the options, or whether it is archived.
func updateAttribute(c *call) (any, error) {
	var in struct {
		Description *string `json:"description"`
		Archived    *bool   `json:"archived"`
		Options     []struct {
			Value string `json:"value"`
		} `json:"options"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	var a *Attribute
	for have := range c.space.attributes.all {
		if strconv.Itoa(have.ID) == c.param("id") {
			a = have
		}
	}
	if a == nil {
		return nil, errNoField
	}
	if in.Description != nil {
		a.Description = *in.Description
	}
	if in.Archived != nil {
		a.Archived = *in.Archived
	}
	if in.Options != nil {
		a.Options = nil
		for _, option := range in.Options {
			a.Options = append(a.Options, option.Value)
		}
	}
	a.UpdatedAt = c.now
	c.entry.Effect = EffectAttribute
	return c.space.attributeJSON(a), nil
}
