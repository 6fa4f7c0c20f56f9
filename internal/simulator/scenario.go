package simulator

import "time"

// Role is who takes a step of a scenario.
type Role int

// The roles. A scenario has one customer and one teammate.
const (
	Customer Role = iota
	Teammate
)

// Scenario is a kind of conversation that a support team has every day.
type Scenario struct {
	Name string
	// Weight is how often it happens compared with the others.
	Weight int
	// Opening are the customer's first words; one is chosen.
	Opening []string
	Steps   []Step
}

// Step is what somebody does next.
type Step struct {
	By Role
	// Do is EffectReply, EffectNote, EffectClose, EffectSnooze, EffectAssign (the teammate takes
	// it), or EffectRate.
	Do Effect
	// Say are the words, one of which is chosen; in them {n} becomes a number, {customer} the
	// customer's first name and {teammate} the teammate's.
	Say []string
	// After is about how long it takes after the step before, in the story's own time.
	After time.Duration
}

// Scenarios are a believable support team's: refunds, bugs, forgotten passwords, praise,
// anger, questions about prices, and one who writes markup.
func Scenarios() []Scenario {
	closes := Step{By: Teammate, Do: EffectClose, After: 6 * time.Minute}
	takes := func(after time.Duration, say ...string) Step {
		return Step{By: Teammate, Do: EffectReply, Say: say, After: after}
	}
	asks := func(after time.Duration, say ...string) Step {
		return Step{By: Customer, Do: EffectReply, Say: say, After: after}
	}
	return []Scenario{
		{Name: "refund", Weight: 5, Opening: []string{
			"Hello, I was charged twice for order {n}. I would like a refund please.",
			"We cancelled last month and invoice {n} still came. Can I get a refund?",
			"My bank opened a chargeback for payment {n}, what do you need from me?",
		}, Steps: []Step{
			takes(9*time.Minute, "Hi {customer}, I'm sorry about that. I have looked at {n} and started the refund.",
				"Hi {customer}, {teammate} here. Could you tell me the last four digits of the card?"),
			asks(5*time.Minute, "Thank you! How long does it take?", "They are 4{n}. Thanks for looking into it."),
			takes(4*time.Minute, "Three to five working days. You will get an e-mail when it is on its way."),
			closes,
			{By: Customer, Do: EffectRate, Say: []string{"quick answer, thanks"}, After: 8 * time.Minute},
		}},
		{Name: "bug", Weight: 5, Opening: []string{
			"Since this morning the export shows error {n} and the file is empty. It is a bug, isn't it?",
			"The app crashes when I open project {n} on my phone.",
			"Dashboard widgets do not load, the console says \"TypeError: x is undefined\" at line {n}.",
		}, Steps: []Step{
			{By: Teammate, Do: EffectNote, Say: []string{"Can reproduce it with their workspace, looks like last night's deploy."}, After: 7 * time.Minute},
			takes(3*time.Minute, "Thank you for the details, {customer}. We can see it too and are working on it."),
			{By: Teammate, Do: EffectSnooze, After: 2 * time.Minute},
			asks(20*time.Minute, "Any news? We need the export for a meeting today.", "It works again here, thank you!"),
			takes(5*time.Minute, "The fix is live now, please reload the page."),
			closes,
		}},
		{Name: "password", Weight: 6, Opening: []string{
			"I can't log in, the password reset e-mail never arrives.",
			"How do I reset my password? The link says it has expired.",
			"locked out again, pls help!! my user is user{n}",
		}, Steps: []Step{
			takes(5*time.Minute, "Hi {customer}, I have just sent you a new link. Please look into the spam folder too."),
			asks(4*time.Minute, "Got it, thanks!", "Worked, thank you so much."),
			closes,
		}},
		{Name: "praise", Weight: 2, Opening: []string{
			"No question, I just wanted to say that the new editor is fantastic. Well done!",
			"Thank you {teammate} for yesterday, best support ever 🎉",
		}, Steps: []Step{
			takes(15*time.Minute, "That made our day, {customer}. Thank you!"),
			closes,
		}},
		{Name: "angry", Weight: 3, Opening: []string{
			"This is the THIRD time I write about ticket {n}. Nobody answers. This is unacceptable!",
			"Your service has been down for two hours and we are losing money. I want to speak to a manager, now.",
		}, Steps: []Step{
			asks(6*time.Minute, "Hello??? Is anybody there?", "I am still waiting."),
			takes(4*time.Minute, "{customer}, you are right to be upset, and I am sorry. I am {teammate} and I stay on this until it is solved."),
			asks(6*time.Minute, "Fine. But I expect an answer today."),
			takes(10*time.Minute, "It is solved, and I have added a credit of {n} to your account."),
			closes,
			{By: Customer, Do: EffectRate, Say: []string{"took far too long"}, After: 5 * time.Minute},
		}},
		{Name: "pricing", Weight: 4, Opening: []string{
			"What does the enterprise plan cost for {n} seats?",
			"Hi! Is there a discount for schools?",
			"Can we pay by invoice instead of by card?",
		}, Steps: []Step{
			takes(10*time.Minute, "Hi {customer}, gladly. I will send you an offer in a minute."),
			asks(12*time.Minute, "Perfect, thank you."),
			closes,
		}},
		{Name: "markup", Weight: 1, Opening: []string{
			"My page shows <b>broken</b> & <script>alert({n})</script>, what is wrong with it?",
			"If a < b && b > c your formula field says #ERROR{n}. \"Quotes\" break it as well.",
		}, Steps: []Step{
			takes(8*time.Minute, "Thanks {customer}, that is one for our developers. I will keep you posted."),
			{By: Teammate, Do: EffectAssign, After: time.Minute},
		}},
		{Name: "quiet", Weight: 3, Opening: []string{
			"Quick question: where do I find the API keys?",
			"Is it possible to import contacts from a spreadsheet with {n} rows?",
		}, Steps: []Step{
			takes(7*time.Minute, "Hi {customer}, it is under Settings, then Developers. Does that help?"),
		}},
	}
}
