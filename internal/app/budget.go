package app

import (
	"cmp"
	"time"

	"switchboard/internal/intercom"
)

// budget is a budget that can be looked at.
type budget interface {
	intercom.Budget
	State() intercom.BudgetState
	Spent() (until time.Time, spent bool)
}

// onlyWorkspace names the budget in the database of a workspace that is alone: its app id is learned with
// the first call, which needs the budget.
const onlyWorkspace = "default"

// newBudget is the gate of all calls: in memory as long as this process is alone, in the database when
// others may work on the same.
func (w *workspace) newBudget() budget {
	a, o := w.app, intercom.BudgetOptions{Share: w.o.Share, Registerer: w.registry}
	if !a.store.Shared() {
		return intercom.NewMemoryBudget(o)
	}
	shared := intercom.NewSharedBudget(intercom.SharedOptions{
		BudgetOptions: o, State: a.store.Budgets(), Workspace: cmp.Or(w.o.ID, onlyWorkspace),
		CallTimeout: a.o.Timeout, Logger: w.component("budget"),
	})
	a.onStop("budget", shared.Close) // before the store: the last calls are reported
	return shared
}
