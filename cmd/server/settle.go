package main

import "runtime/debug"

// settle gives memory back that only the start needed: what was left on the heap, and the pages of the
// program that ran once. Of a program as large as this the start touches nearly every page, to set up
// packages and to read rules, and they would count as memory of the process for as long as the machine
// has enough. Let go of, they are the system's to keep or to drop; one that is needed comes back from
// its cache, or from the file.
func settle() {
	debug.FreeOSMemory()
	forgetProgram()
}
