package simulator_test

import (
	"fmt"
	"net/http"
	"strings"

	"switchboard/internal/simulator"
)

// A customer writes and a program answers through the API. The connection breaks after the
// answer was taken, so the program cannot know; the journal does.
func Example() {
	intercom := simulator.New(simulator.Options{Token: "token", Secret: "client secret", Seed: 1})
	defer intercom.Close()
	customer := intercom.AddContact(simulator.Contact{Name: "Amara Diallo", Email: "amara@acme.com"})
	conversation, err := intercom.CustomerStarts(customer, "I would like a refund")
	if err != nil {
		fmt.Println(err)
		return
	}

	network := simulator.NewPipeListener()
	server := &http.Server{Handler: intercom.Handler()}
	defer server.Close()
	go server.Serve(network)
	intercom.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply"})
	body := `{"message_type":"comment","type":"admin","admin_id":"` + intercom.TokenAdmin() + `","body":"On its way"}`
	req, err := http.NewRequest(http.MethodPost, "http://intercom/conversations/"+conversation+"/reply", strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer token")
	req.Header.Set("Content-Type", "application/json")
	if resp, err := network.Client().Do(req); err == nil {
		resp.Body.Close()
	} else {
		fmt.Println("no answer")
	}

	for _, e := range intercom.Journal() {
		fmt.Println(e.Endpoint, "did:", e.Effect, e.Text)
	}
	for _, n := range intercom.Notifications() {
		fmt.Println(n.Topic)
	}
	// Output:
	// no answer
	// POST /conversations/{id}/reply did: reply On its way
	// conversation.user.created
	// conversation.admin.replied
}
