// Package workspace holds the names of a workspace as a file: its teammates, teams, tags, ticket types
// and attributes as they were at one time. With it the names in rules are checked where Intercom cannot
// be asked, such as in CI, and exactly as the service would find them.
package workspace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"switchboard/internal/intercom"
)

// Version is the version of the file's format.
const Version = 1

// Snapshot is the names of a workspace. A list that is nil is not known: nothing is said of its names.
type Snapshot struct {
	Version int `json:"version"`
	// TakenAt is when it was read, to the second.
	TakenAt   time.Time `json:"taken_at"`
	Workspace Workspace `json:"workspace"`

	Admins                 []Admin      `json:"admins"`
	Teams                  []Team       `json:"teams"`
	Tags                   []Tag        `json:"tags"`
	TicketTypes            []TicketType `json:"ticket_types"`
	ContactAttributes      []Attribute  `json:"contact_attributes"`
	CompanyAttributes      []Attribute  `json:"company_attributes"`
	ConversationAttributes []Attribute  `json:"conversation_attributes"`
}

// Workspace says whose names they are.
type Workspace struct {
	ID     string `json:"id"` // app_id in notifications
	Name   string `json:"name"`
	Region string `json:"region"`
}

// Admin is a teammate.
type Admin struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Away  bool   `json:"away"`
	// InboxSeat is false for those who cannot be assigned conversations.
	InboxSeat bool `json:"inbox_seat"`
}

// Team is a team of teammates.
type Team struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Tag is a tag.
type Tag struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// TicketType is a kind of ticket.
type TicketType struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Category   string            `json:"category"`
	Archived   bool              `json:"archived"`
	Attributes []TicketAttribute `json:"attributes"`
	States     []TicketState     `json:"states"`
}

// TicketAttribute is an attribute of tickets of a type.
type TicketAttribute struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	// Items are what an attribute of type list can be.
	Items    []Item `json:"items,omitempty"`
	Archived bool   `json:"archived"`
}

// Item is a value of a list.
type Item struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// TicketState is a state that tickets can be in.
type TicketState struct {
	ID            string `json:"id"`
	Category      string `json:"category"`
	InternalLabel string `json:"internal_label"`
	ExternalLabel string `json:"external_label"`
	Archived      bool   `json:"archived"`
}

// Attribute is an attribute of contacts, companies or conversations.
type Attribute struct {
	Name     string `json:"name"`
	Path     string `json:"path"` // such as custom_attributes.plan
	Label    string `json:"label"`
	DataType string `json:"data_type"`
	// Options are all values that it can have, if it has a fixed list of them.
	Options  []string `json:"options,omitempty"`
	Custom   bool     `json:"custom"`
	Writable bool     `json:"writable"`
	Archived bool     `json:"archived"`
}

// lists are the names as a directory has them.
func (s *Snapshot) lists() *intercom.Lists {
	l := &intercom.Lists{Attributes: map[string][]intercom.DataAttribute{}}
	for _, a := range s.Admins {
		l.Admins = append(l.Admins, intercom.Admin{
			ID: intercom.ID(a.ID), Name: a.Name, Email: a.Email, AwayModeEnabled: a.Away, HasInboxSeat: a.InboxSeat,
		})
	}
	for _, t := range s.Teams {
		l.Teams = append(l.Teams, intercom.Team{ID: intercom.ID(t.ID), Name: t.Name})
	}
	for _, t := range s.Tags {
		l.Tags = append(l.Tags, intercom.Tag{ID: intercom.ID(t.ID), Name: t.Name})
	}
	for _, t := range s.TicketTypes {
		l.TicketTypes = append(l.TicketTypes, t.ticketType())
	}
	for _, model := range models {
		for _, a := range s.attributes(model) {
			l.Attributes[model] = append(l.Attributes[model], a.dataAttribute(model))
		}
	}
	return l
}

// models are what has attributes.
var models = []string{intercom.ModelContact, intercom.ModelCompany, intercom.ModelConversation}

func (s *Snapshot) attributes(model string) []Attribute {
	switch model {
	case intercom.ModelContact:
		return s.ContactAttributes
	case intercom.ModelCompany:
		return s.CompanyAttributes
	}
	return s.ConversationAttributes
}

func (a Attribute) dataAttribute(model string) intercom.DataAttribute {
	return intercom.DataAttribute{
		Model: model, Name: a.Name, FullName: a.Path, Label: a.Label, DataType: a.DataType, Options: a.Options,
		Custom: a.Custom, Archived: a.Archived, Writable: a.Writable,
	}
}

func (t TicketType) ticketType() intercom.TicketType {
	out := intercom.TicketType{ID: intercom.ID(t.ID), Name: t.Name, Category: t.Category, Archived: t.Archived}
	for _, a := range t.Attributes {
		options, _ := json.Marshal(map[string][]Item{"items": a.Items}) // texts can always be written
		out.Attributes = append(out.Attributes, intercom.TicketTypeAttribute{
			ID: intercom.ID(a.ID), Name: a.Name, DataType: a.DataType, Archived: a.Archived, Options: options,
		})
	}
	for _, s := range t.States {
		out.States = append(out.States, intercom.TicketState{
			ID: intercom.ID(s.ID), Category: s.Category, InternalLabel: s.InternalLabel, ExternalLabel: s.ExternalLabel, Archived: s.Archived,
		})
	}
	return out
}

// Write writes the snapshot, in the same order and form always.
func (s *Snapshot) Write(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxFile bounds a snapshot, in bytes.
const maxFile = 64 << 20

// Decode reads a snapshot that Write wrote. Errors name the line and column if there is one, and
// begin with name, which is that of the file.
func Decode(name string, r io.Reader) (*Snapshot, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s: the file is larger than %d MiB: this is no snapshot", name, maxFile>>20)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, fmt.Errorf("%s: the file is empty: take it anew with \"switchboard snapshot\"", name)
	}
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, misread(name, text, err)
	}
	switch {
	case head.Version == nil:
		return nil, fmt.Errorf("%s: there is no version: this is no snapshot; take one with \"switchboard snapshot\"", name)
	case *head.Version != Version:
		return nil, fmt.Errorf("%s: version %d of the format is unknown: this program reads version %d; take it anew with \"switchboard snapshot\"", name, *head.Version, Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a list that is misspelt would check nothing
	var s Snapshot
	if err := d.Decode(&s); err != nil {
		return nil, misread(name, text, err)
	}
	return &s, nil
}

// misread says where the text is wrong.
func misread(name string, text []byte, err error) error {
	offset := int64(-1)
	message := err.Error()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = max(syntax.Offset-1, 0)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = max(kind.Offset-1, 0)
		message = fmt.Sprintf("%s cannot be of type %s", kind.Field, kind.Value)
		if kind.Field == "" {
			message = fmt.Sprintf("a snapshot is an object, and this is of type %s", kind.Value)
		}
	}
	message = strings.TrimPrefix(message, "json: ") // which only programmers want to know
	if offset < 0 || offset > int64(len(text)) {
		return fmt.Errorf("%s: %s: take it anew with \"switchboard snapshot\"", name, message)
	}
	before := text[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	return fmt.Errorf("%s:%d:%d: %s: take it anew with \"switchboard snapshot\"", name, line, column, message)
}
