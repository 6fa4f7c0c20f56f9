package chaos_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/internal/chaos"
	"switchboard/internal/simulator"
)

// moment is something of the schedule that happens at a time.
type moment struct {
	at time.Duration
	do func()
}

// run performs the schedule, lets everything heal, and waits until nothing is left to do.
func (w *world) run() *chaos.Evidence {
	began := time.Now()
	var moments []moment
	for _, d := range w.schedule.Deeds {
		moments = append(moments, moment{d.At, func() { w.deed(d) }})
	}
	for i, f := range w.schedule.Faults {
		moments = append(moments, moment{f.At, func() { w.begin(i, f) }})
		if f.For > 0 {
			moments = append(moments, moment{min(f.At+f.For, w.schedule.Length+time.Minute), func() { w.end(i, f) }})
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, m := range moments {
		time.Sleep(time.Until(began.Add(m.at)))
		m.do()
	}
	w.heal()
	w.tasks.Wait() // processes that are down start again
	return w.evidence(w.settle())
}

func (w *world) deed(d chaos.Deed) {
	mate := w.cast.Teammates[d.Conversation%len(w.cast.Teammates)]
	id := w.ids[d.Conversation]
	var err error
	switch d.What {
	case "starts":
		w.ids[d.Conversation], err = w.sim.CustomerStarts(w.cast.Customers[d.Conversation%len(w.cast.Customers)], d.Text)
	case "writes":
		_, err = w.sim.CustomerReplies(id, d.Text)
	case "answers":
		_, err = w.sim.AdminReplies(id, mate, d.Text, "")
	case "assigns":
		_, err = w.sim.AdminAssigns(id, mate, mate)
	case "closes":
		_, err = w.sim.AdminCloses(id, mate, "")
	case "snoozes":
		_, err = w.sim.AdminSnoozes(id, mate, time.Now().Add(time.Hour))
	default:
		err = errors.New("nobody knows how")
	}
	if err != nil {
		w.t.Errorf("%s in conversation %d: %v", d.What, d.Conversation, err)
	}
}

func (w *world) begin(i int, f chaos.Fault) {
	r := w.replicas[f.Replica%len(w.replicas)]
	w.log.printf("%s FAULT %d %s\n", time.Now().UTC().Format(time.RFC3339Nano), i, f)
	switch f.Trouble {
	case chaos.Kill:
		w.fall(r, w.linkOf(r), f.For)
	case chaos.KillBefore, chaos.KillUnheard, chaos.KillUnwritten, chaos.PauseBefore:
		w.mu.Lock()
		r.trap.arm(&f)
		w.mu.Unlock()
	case chaos.Restart:
		w.tasks.Go(func() { w.restart(r) })
	case chaos.Reload:
		w.changeRules(i)
	case chaos.Rolling:
		w.changeRules(i)
		w.tasks.Go(func() {
			for _, r := range w.replicas {
				w.restart(r)
			}
		})
	case chaos.Pause:
		w.pause(r, w.linkOf(r))
	case chaos.Backlog:
		w.sim.HoldDeliveries(true)
	case chaos.SlowDisk:
		r.disk.set(func(d *disk) { d.slow = f.By })
	case chaos.BreakCommit, chaos.BreakSession:
		r.disk.set(func(d *disk) { d.broken, d.after = f.Trouble, f.Rate >= 0.5 })
	case chaos.NoDatabase:
		r.disk.set(func(d *disk) { d.away = true })
	case chaos.Jump:
		w.jumped.Store(int64(f.By))
	default:
		w.active[i] = f
		w.applyFaults()
	}
}

func (w *world) end(i int, f chaos.Fault) {
	r := w.replicas[f.Replica%len(w.replicas)]
	switch f.Trouble {
	case chaos.Kill, chaos.KillBefore, chaos.KillUnheard, chaos.KillUnwritten, chaos.PauseBefore: // it starts by itself
	case chaos.Pause:
		w.wake(r, w.linkOf(r))
	case chaos.Backlog:
		w.sim.HoldDeliveries(false)
	case chaos.SlowDisk:
		r.disk.set(func(d *disk) { d.slow = 0 })
	case chaos.NoDatabase:
		r.disk.set(func(d *disk) { d.away = false })
	case chaos.Jump:
		w.jumped.Store(0)
	default:
		delete(w.active, i)
		w.applyFaults()
	}
}

// heal ends all faults.
func (w *world) heal() {
	clear(w.active)
	w.applyFaults()
	w.sim.HoldDeliveries(false)
	w.jumped.Store(0)
	for _, r := range w.replicas {
		w.wake(r, w.linkOf(r))
		r.disk.set(func(d *disk) { d.slow, d.away, d.broken = 0, false, "" })
		w.mu.Lock()
		r.trap.arm(nil)
		w.mu.Unlock()
	}
}

func (w *world) linkOf(r *replica) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	return r.link
}

// notice is after how long a load balancer takes a replica out that does not answer.
const notice = 10 * time.Second

// pause stops a process. The load balancer notices after a while.
func (w *world) pause(r *replica, l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.app == nil || r.paused {
		return
	}
	r.paused = true
	l.shut()
	time.AfterFunc(notice, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.paused && r.link == l {
			r.listener = nil
		}
	})
}

func (w *world) wake(r *replica, l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.paused || r.link != l {
		return
	}
	r.paused, r.listener = false, r.front
	l.reopen()
}

func (w *world) changeRules(i int) {
	if i%2 == 0 {
		w.writeRules(chaos.OtherRules)
	} else {
		w.writeRules(chaos.Rules)
	}
}

// applyFaults tells the simulator what goes wrong now.
func (w *world) applyFaults() {
	f := simulator.Faults{Latency: simulator.Latency{Min: 20 * time.Millisecond, Spread: 100 * time.Millisecond, Max: 900 * time.Millisecond}}
	outage := false
	for i := range w.schedule.Faults {
		a, ok := w.active[i]
		if !ok {
			continue
		}
		switch a.Trouble {
		case chaos.Outage:
			outage = true
		case chaos.Revoked:
			f.TokenRevoked = true
		case chaos.Lag:
			f.Latency = simulator.Latency{Min: a.By}
		case chaos.Storm:
			f.Rules = append(f.Rules, simulator.Fault{Kind: simulator.TooMany})
		case chaos.Refuse:
			f.Rules = append(f.Rules, simulator.Fault{Kind: simulator.FailBefore, Status: 422, Endpoint: "POST /conversations/{id}/reply", Times: 1})
		case chaos.Flaky:
			for _, kind := range a.Kinds {
				f.Rules = append(f.Rules, simulator.Fault{Kind: simulator.FaultKind(kind), Rate: a.Rate / float64(len(a.Kinds))})
			}
		default:
			w.t.Errorf("nobody knows how to do %q", a.Trouble)
		}
	}
	w.sim.SetFaults(f)
	w.sim.Outage(outage)
}

// patience is for how long a world may be busy after everything has healed.
const patience = 2 * time.Hour

// searched is after how long a search for what was missed must have taken place: there is one every
// five minutes.
const searched = 11 * time.Minute

// settle waits until nothing waits any more.
func (w *world) settle() (rest bool, waiting string) {
	time.Sleep(searched)
	calm := 0 // an action makes a notification, which makes an event: look more than once
	for deadline := time.Now().Add(patience); calm < 3; time.Sleep(2 * time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		delivered := w.sim.WaitDelivered(ctx) == nil
		cancel()
		waiting, calm = "", calm+1
		if !delivered {
			waiting, calm = "notifications are not delivered; ", 0
		}
		for _, r := range w.replicas {
			st, err := r.app.Store().Stats(context.Background())
			if err != nil {
				waiting += err.Error() + "; "
			}
			if err != nil || st.EventsWaiting+st.ActionsWaiting > 0 {
				waiting, calm = waiting+fmt.Sprintf("%+v", st), 0
			}
			if !w.variant.apart {
				break
			}
		}
		w.log.printf("%s settling: %s\n", time.Now().UTC().Format(time.TimeOnly), waiting)
		if time.Now().After(deadline) {
			return false, waiting
		}
	}
	return true, ""
}
