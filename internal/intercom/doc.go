// Package intercom is a client of Intercom's REST API, version 2.14.
//
// Every call passes a Budget first: Intercom counts calls in fixed windows of ten seconds and
// answers 429 beyond the limit, so a call waits until the window has room for it. What
// remains is learned from the headers of each answer. MemoryBudget does this for one process;
// calls wait in it by priority, what customers read before everything else.
// SharedBudget does the same for several processes, on a state that all of them can reach: what they
// have learned, and who has calls on their way, is a text that they change one after the other. Its
// permits are good for two seconds; a call that was held up for longer takes another.
//
// A call ends in one of few ways, and the caller has a different thing to do for each, so
// errors carry a Class: the call is safe to repeat, or may have been carried out although no
// proper answer came, or will never succeed, or the credentials are at fault, or something
// with these properties exists already, or Intercom asks to slow down. The client itself
// never repeats a call: only the caller knows whether that is harmless. In particular a
// request that writes is never sent a second time by the connection layer once a single byte
// of it may have left. What must be recorded before a request goes out is recorded in
// Trace.BeforeSend, so that after a crash the record is at least as new as the effect.
//
// Answers are decoded leniently, because identifiers and dates come in several types and
// fields go missing in real answers. A Directory turns the names that people write (teams,
// teammates, tags, types and states of tickets, attributes) into ids.
//
// The access token never appears in errors, logs or metrics, nor do ids of customers' objects
// or texts of customers: an error names the call by its template, such as
// "POST /conversations/{id}/reply", and quotes only Intercom's own error message.
package intercom
