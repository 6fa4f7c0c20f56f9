// Package ruletest runs tests of rules: what a *.test.yaml file says happens is decided on a virtual clock,
// and what the rules do about it is held against what the file expects.
//
// A file is read with the means of rules files (rules.Reader), so that a mistake in it has a place and a
// hint. Each of its tests is a small world of its own: the contact, companies, conversations and tickets that
// it says are given, as the JSON that Intercom would send. What people do in it (deeds) changes that world
// and makes the notifications that Intercom makes of it; the rules decide about those by the very function
// that the service calls, with what ran before and the timers that wait kept in memory (dryrun). What a rule
// does then changes the world as well: a conversation that it closed is closed for the rules after it, and
// what comes back from Intercom of it is the program's own work. Timers come due on the virtual clock, in the
// order of their times.
//
// A test fails when a rule did something that is not expected or did not do what is, at another time or with
// other words, and when a rule failed. A fact that a test does not give is unknown, as it would be in the
// service: nothing is guessed.
package ruletest
