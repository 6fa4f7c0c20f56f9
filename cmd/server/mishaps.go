package main

import (
	"context"
	"net/http"
	"time"

	"switchboard/internal/simulator"
)

// mishaps let two things go wrong, as they do in real life, so that there is something to decide in the console.
// Intercom refuses a tag: that is a dead letter, to be retried. The answer to a reply gets lost, and when it is read
// back whether the customer has it, Intercom does not let us look: that reply is parked for a person.
func (d *demo) mishaps(ctx context.Context) {
	const reply, read = "POST /conversations/{id}/reply", "GET /conversations/{id}"
	d.sim.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Endpoint: "POST /conversations/{id}/tags", Status: http.StatusUnprocessableEntity})
	d.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Effect: simulator.EffectReply})
	seen := 0
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, e := range d.sim.JournalSince(seen) {
			seen = e.Seq
			if e.Fault == simulator.ResetAfter && e.Endpoint == reply {
				d.sim.FaultNext(simulator.Fault{Kind: simulator.Forbidden, Endpoint: read, Path: "/conversations/" + e.Conversation})
				return
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
