package simulator

import "slices"

// redactedBody is what stands where a text was.
const redactedBody = "<p><i>This message was deleted</i></p>"

// redactConversation takes the text of a part, or of the first message, away for good.
func redactConversation(c *call) (any, error) {
	var in struct {
		Type         string  `json:"type"`
		Conversation givenID `json:"conversation_id"`
		Part         givenID `json:"conversation_part_id"`
		Source       givenID `json:"source_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Type == "":
		return nil, missing("type")
	case in.Type != "conversation_part" && in.Type != "source":
		return nil, invalid("type", "type must be conversation_part or source")
	case in.Conversation == "":
		return nil, missing("conversation_id")
	case in.Type == "conversation_part" && in.Part == "":
		return nil, missing("conversation_part_id")
	case in.Type == "source" && in.Source == "":
		return nil, missing("source_id")
	}
	cv := c.Simulator.conversation(string(in.Conversation), c.now)
	if cv == nil {
		return nil, errNoPart
	}
	c.entry.Conversation = cv.ID
	part, err := c.redacted(cv, string(in.Part), string(in.Source))
	if err != nil {
		return nil, err
	}
	cv.UpdatedAt = c.now
	c.entry.Effect, c.entry.Part = EffectRedact, part.ID
	c.notifyConversation(cv, c.now, true, &part, "conversation_part.redacted")
	return c.whole(cv), nil
}

// redacted takes the text away and shows the part as it is then.
func (c *call) redacted(cv *Conversation, partID, sourceID string) (Part, error) {
	if partID == "" {
		if cv.Source.ID != sourceID {
			return Part{}, errNoPart
		}
		cv.Source.Body, cv.Source.Attachments, cv.Source.Redacted = redactedBody, nil, true
		part := cv.sourcePart()
		part.UpdatedAt, part.Redacted = c.now, true
		return part, nil
	}
	i := slices.IndexFunc(cv.Parts, func(p Part) bool { return p.ID == partID })
	if i < 0 {
		return Part{}, errNoPart
	}
	part := &cv.Parts[i]
	part.Body, part.Attachments, part.Redacted, part.UpdatedAt = redactedBody, nil, true, c.now
	return *part, nil
}
