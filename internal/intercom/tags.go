package intercom

import (
	"context"
	"net/http"
)

// Tag is a tag of the workspace.
type Tag struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

// Tags lists the tags of the workspace (GET /tags).
func (c *Client) Tags(ctx context.Context) ([]Tag, error) {
	return all[Tag](ctx, c, "/tags", "data", "tags")
}

// CreateTag makes a tag, or finds the one of that name: names ignore case (POST /tags). It is
// safe to repeat.
func (c *Client) CreateTag(ctx context.Context, name string) (*Tag, error) {
	r := request{method: http.MethodPost, endpoint: "/tags", body: map[string]string{"name": name}}
	var tag Tag
	if _, err := c.call(ctx, r, &tag); err != nil {
		return nil, err
	}
	if tag.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not a tag", nil)
	}
	return &tag, nil
}

// TagConversation puts a tag on a conversation (POST /conversations/{id}/tags). adminID is the
// teammate who does it.
func (c *Client) TagConversation(ctx context.Context, conversationID, tagID, adminID string) error {
	_, err := c.call(ctx, request{
		method:   http.MethodPost,
		endpoint: "/conversations/{id}/tags",
		ids:      []string{conversationID},
		body:     map[string]string{"id": tagID, "admin_id": adminID},
	}, nil)
	return err
}

// UntagConversation takes a tag off a conversation (DELETE /conversations/{id}/tags/{tag_id}).
// A tag that is not on it is a 404, which NotFound recognises.
func (c *Client) UntagConversation(ctx context.Context, conversationID, tagID, adminID string) error {
	_, err := c.call(ctx, request{
		method:   http.MethodDelete,
		endpoint: "/conversations/{id}/tags/{tag_id}",
		ids:      []string{conversationID, tagID},
		body:     map[string]string{"admin_id": adminID},
	}, nil)
	return err
}
