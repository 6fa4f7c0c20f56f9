package simulator

import "strconv"

// job is a ticket that was asked for and is made later: here, at once.
type job struct {
	id       string
	resource string // the ticket's id
}

func (j *job) json(status string) map[string]any {
	out := map[string]any{
		"type": "job", "id": j.id, "status": status, "url": "https://api.intercom.io/jobs/status/" + j.id,
		"resource_type": "ticket", "resource_id": nil, "resource_url": nil,
	}
	if status == "success" {
		out["resource_id"], out["resource_url"] = j.resource, "https://api.intercom.io/tickets/"+j.resource
	}
	return out
}

// enqueueTicket makes a ticket and answers with the job of making it.
func enqueueTicket(c *call) (any, error) {
	t, err := c.newTicket()
	if err != nil {
		return nil, err
	}
	j := job{id: strconv.Itoa(c.jobs.total + 1), resource: t.ID}
	c.jobs.add(j)
	return j.json("pending"), nil
}

func jobStatus(c *call) (any, error) {
	for _, j := range c.jobs.list() {
		if j.id == c.param("id") {
			return j.json("success"), nil
		}
	}
	return nil, errNoResource
}
