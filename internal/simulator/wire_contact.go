package simulator

import (
	"maps"
	"slices"
)

// maxInlined is how many tags, notes and companies a contact carries with it; the whole list
// is at the url.
const maxInlined = 10

type inlinedJSON struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

type inlinedListJSON struct {
	Type    string        `json:"type"`
	Data    []inlinedJSON `json:"data"`
	URL     string        `json:"url"`
	Total   int           `json:"total_count"`
	HasMore bool          `json:"has_more"`
}

func inlined(kind, plural, url string, ids []string) inlinedListJSON {
	out := inlinedListJSON{Type: "list", Data: []inlinedJSON{}, URL: url, Total: len(ids), HasMore: len(ids) > maxInlined}
	for _, id := range ids[:min(len(ids), maxInlined)] {
		out.Data = append(out.Data, inlinedJSON{ID: id, Type: kind, URL: "/" + plural + "/" + id})
	}
	return out
}

type contactJSON struct {
	Type                   string          `json:"type"`
	ID                     string          `json:"id"`
	WorkspaceID            string          `json:"workspace_id"`
	ExternalID             any             `json:"external_id"`
	Role                   string          `json:"role"`
	Email                  any             `json:"email"`
	Phone                  any             `json:"phone"`
	Name                   any             `json:"name"`
	Avatar                 any             `json:"avatar"`
	OwnerID                any             `json:"owner_id"`
	SocialProfiles         map[string]any  `json:"social_profiles"`
	HasHardBounced         bool            `json:"has_hard_bounced"`
	MarkedEmailAsSpam      bool            `json:"marked_email_as_spam"`
	UnsubscribedFromEmails bool            `json:"unsubscribed_from_emails"`
	CreatedAt              any             `json:"created_at"`
	UpdatedAt              any             `json:"updated_at"`
	SignedUpAt             any             `json:"signed_up_at"`
	LastSeenAt             any             `json:"last_seen_at"`
	LastRepliedAt          any             `json:"last_replied_at"`
	LastContactedAt        any             `json:"last_contacted_at"`
	LastEmailOpenedAt      any             `json:"last_email_opened_at"`
	LastEmailClickedAt     any             `json:"last_email_clicked_at"`
	LanguageOverride       any             `json:"language_override"`
	Browser                any             `json:"browser"`
	BrowserVersion         any             `json:"browser_version"`
	BrowserLanguage        any             `json:"browser_language"`
	OS                     any             `json:"os"`
	Location               map[string]any  `json:"location"`
	AndroidAppName         any             `json:"android_app_name"`
	AndroidAppVersion      any             `json:"android_app_version"`
	AndroidDevice          any             `json:"android_device"`
	AndroidOSVersion       any             `json:"android_os_version"`
	AndroidSDKVersion      any             `json:"android_sdk_version"`
	AndroidLastSeenAt      any             `json:"android_last_seen_at"`
	IOSAppName             any             `json:"ios_app_name"`
	IOSAppVersion          any             `json:"ios_app_version"`
	IOSDevice              any             `json:"ios_device"`
	IOSOSVersion           any             `json:"ios_os_version"`
	IOSSDKVersion          any             `json:"ios_sdk_version"`
	IOSLastSeenAt          any             `json:"ios_last_seen_at"`
	CustomAttributes       map[string]any  `json:"custom_attributes"`
	Tags                   inlinedListJSON `json:"tags"`
	Notes                  inlinedListJSON `json:"notes"`
	Companies              inlinedListJSON `json:"companies"`
	OptedOut               inlinedListJSON `json:"opted_out_subscription_types"`
	OptedIn                inlinedListJSON `json:"opted_in_subscription_types"`
	UTMCampaign            any             `json:"utm_campaign"`
	UTMContent             any             `json:"utm_content"`
	UTMMedium              any             `json:"utm_medium"`
	UTMSource              any             `json:"utm_source"`
	UTMTerm                any             `json:"utm_term"`
	Referrer               any             `json:"referrer"`
	SMSConsent             *bool           `json:"sms_consent,omitempty"`
	UnsubscribedFromSMS    *bool           `json:"unsubscribed_from_sms,omitempty"`
	EnabledPushMessaging   any             `json:"enabled_push_messaging"`
}

func (w *workspace) contactJSON(f form, appID string, c *Contact) *contactJSON {
	url := "/contacts/" + c.ID
	notes := make([]string, 0, len(c.Notes))
	for _, n := range slices.Backward(c.Notes) {
		notes = append(notes, n.ID)
	}
	out := &contactJSON{
		Type: "contact", ID: c.ID, WorkspaceID: appID, ExternalID: orNull(c.ExternalID), Role: c.Role,
		Email: orNull(c.Email), Phone: orNull(c.Phone), Name: orNull(c.Name), Avatar: avatarOf(c), OwnerID: number(c.OwnerID),
		SocialProfiles:         map[string]any{"type": "list", "data": []any{}},
		UnsubscribedFromEmails: c.UnsubscribedFromEmails,
		CreatedAt:              f.contactTime(c.CreatedAt), UpdatedAt: f.contactTime(c.UpdatedAt),
		SignedUpAt: f.contactTime(c.SignedUpAt), LastSeenAt: f.contactTime(c.LastSeenAt),
		LastRepliedAt: f.contactTime(c.LastRepliedAt), LastContactedAt: f.contactTime(c.LastContactedAt),
		Browser: orNull(c.Browser), BrowserLanguage: orNull(c.Language), OS: orNull(c.OS),
		Location: map[string]any{
			"type": "location", "country": orNull(c.Country), "region": nil, "city": orNull(c.City),
			"country_code": nil, "continent_code": nil,
		},
		CustomAttributes: maps.Clone(c.CustomAttributes),
		Tags:             inlined("tag", "tags", url+"/tags", tagIDs(c.Tags)),
		Notes:            inlined("note", "notes", url+"/notes", notes),
		Companies:        inlined("company", "companies", url+"/companies", c.Companies),
		OptedOut:         inlined("subscription", "subscription_types", url+"/subscriptions", nil),
		OptedIn:          inlined("subscription", "subscription_types", url+"/subscriptions", nil),
	}
	if out.CustomAttributes == nil {
		out.CustomAttributes = map[string]any{}
	}
	if f == webhook2 {
		out.SMSConsent, out.UnsubscribedFromSMS = new(bool), new(bool)
	}
	return out
}

// avatarOf shows the picture of a contact, or null.
func avatarOf(c *Contact) any {
	if c.Avatar == "" {
		return nil
	}
	return map[string]any{"type": "avatar", "image_url": c.Avatar}
}
