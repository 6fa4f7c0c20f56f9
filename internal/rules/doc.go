// Package rules turns rules files into a ruleset and decides with it what happens on an
// event.
//
// A ruleset is immutable: Load reads and checks the files as a whole and reports everything
// that is wrong with a place; only files without an error become a ruleset. Evaluate then is
// a pure function of the ruleset, the event, the time it is handed, the look-ups and the
// state of earlier runs. It keeps nothing: what a decision needs to be explained or made
// again is in the Decision, which the caller stores. After a crash an event without a stored
// decision is simply evaluated again.
//
// Every rule that listens to the event's topic ends as one of: ran (its conditions hold and
// its actions are planned), did not match, held back (off, shadow, own work, or it ran
// already for this part, conversation or contact) or failed (something went wrong in this
// rule; the others go on). Only when a look-up or the state of a rule cannot be read is
// nothing decided at all, and the caller tries again later. What the search of a rule with a
// schedule found is an event for that rule alone.
//
// # Expressions
//
// Conditions and the {{ }} in texts are written in the language of the expr library. They
// are type-checked against the schema of facts when they are loaded, so that a misspelt
// name is a problem with a place. What a payload does not carry is nil: every comparison
// with it is false (except == nil, and == "", which asks for emptiness), it contains
// nothing, and a condition that is nil counts as false. Something that really cannot be
// computed, such as comparing a text with a number, makes the rule fail. Facts that a
// payload lacks are looked up when evaluation gets to them, once per event.
package rules
