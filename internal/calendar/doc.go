// Package calendar knows when somebody is open: opening hours in a time zone, with days on
// which nobody is there, and a clock that runs only while it is open.
//
// Everything follows from one definition: a moment is open when the wall clock in the zone
// then shows a time inside one of the day's ranges, or in what reaches past midnight of a
// range of the day before. Hours that daylight saving skips are therefore never open, and
// those that it repeats are open twice. A range belongs to the day it begins on: a closed day
// takes away the ranges that begin on it, and leaves the end of the night before.
//
// A Calendar never changes and is safe for concurrent use. All methods are pure functions of
// the moments they are handed, and end after a bounded number of steps: see Horizon.
package calendar
