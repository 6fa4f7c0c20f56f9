package intercom

import (
	"slices"
	"sort"
	"time"
)

// window is what is known about Intercom's present rate-limit window.
//
// Two counts are kept. used is the most that any answer said had been used by everybody:
// together with the calls in flight, of which it is not known whether that number includes
// them, it gives how many calls can be sent without any risk. ours counts our own calls and
// belongs to the other side: together with what others used for sure it tells when nothing
// can remain whatever the calls in flight will say.
type window struct {
	// limit is the number of calls for everybody; a guess until learned.
	limit   int
	learned bool
	limitAt time.Time // when limit was learned

	id    int64     // X-RateLimit-Reset, or what we expect it to be; 0: not known
	sure  bool      // an answer has confirmed id
	since time.Time // when it was confirmed
	start time.Time // when we moved on to this window
	end   time.Time // the latest moment at which it can end on our clock

	used    int         // by everybody, as answers said
	ours    int         // our calls charged to this window, the ones in flight included
	carried int         // calls in flight since before start; they may belong to the last window
	blind   []time.Time // ends of our calls that no answer has accounted for yet
	others  int         // used by others, at least
	before  int         // used by others in the windows before, at least, the last above all
	watched bool        // there was a window before, so before means something
}

// drift is how much later the end of a window may be for each window that passes without an
// answer, because clocks run at slightly different speeds (200 ppm).
const drift = windowLength / 5000

// recentBlind is how long before a new window a call that was not accounted for may have
// ended and still count in it: the end of a window is known to about a second.
const recentBlind = 2 * time.Second

// passed moves to the window of now, if the present one is over, and tells whether it did.
func (w *window) passed(now time.Time, inFlight int) bool {
	if w.end.IsZero() { // the very first
		w.start, w.end = now, now.Add(windowLength)
		return true
	}
	if now.Before(w.end) {
		return false
	}
	n := int64(now.Sub(w.end)/windowLength) + 1
	end := w.end.Add(time.Duration(n) * (windowLength + drift))
	if latest := now.Add(windowLength); end.After(latest) {
		end = latest
	}
	id := w.id
	if id != 0 {
		id += n * int64(windowLength/time.Second)
	}
	w.next(id, now, end, inFlight)
	return true
}

// next begins a window. Calls in flight are charged to it until their answers tell.
func (w *window) next(id int64, now, end time.Time, inFlight int) {
	if w.sure {
		// Once others were seen, they are not forgotten at the first window without them.
		w.before, w.watched = max(w.others, w.before/2), true
	}
	w.id, w.sure, w.start, w.end = id, false, now, end
	w.used, w.others = 0, 0
	w.ours, w.carried = inFlight, inFlight
	recent := now.Add(-recentBlind)
	w.blind = w.blind[sort.Search(len(w.blind), func(i int) bool { return w.blind[i].After(recent) }):]
}

// stale tells whether the answer was counted in a window that has passed.
func (w *window) stale(u Usage) bool {
	if u.Window == 0 || w.id == 0 || u.Window >= w.id {
		return false
	}
	// A call that was sent after we moved on, or after another answer confirmed the window,
	// cannot have been counted before it: then we were wrong, not the answer late.
	began := w.start
	if w.sure && w.since.After(began) {
		began = w.since
	}
	return u.Taken.IsZero() || u.Taken.Before(began)
}

// place finds out which window the answer speaks of and when that ends. inFlight includes
// the call that was answered.
func (w *window) place(u Usage, now time.Time, inFlight int) {
	if u.Window == 0 || (u.Reset <= 0 && u.Window != w.id) {
		return // a reset that has passed says nothing about a window we do not know
	}
	latest := now.Add(u.Reset)
	switch {
	case u.Window == w.id:
		w.confirm(now)
		if u.Reset <= 0 {
			return
		}
		// The end lies between the earliest and the latest moment that the answers allow. An
		// answer that contradicts what we believe is right: the server's clock was set.
		contradicts := !u.Taken.IsZero() && u.Taken.Add(u.Reset-time.Second).After(w.end)
		if latest.Before(w.end) || contradicts {
			w.end = latest
		}
	case u.Window > w.id && w.sure:
		// A later window than the one other answers spoke of: that one is over.
		end := w.end.Add(time.Duration(u.Window-w.id) * time.Second)
		if latest.Before(end) || u.Taken.Add(u.Reset-time.Second).After(end) {
			end = latest
		}
		w.next(u.Window, now, end, inFlight)
		w.carried-- // the call that was answered is certainly in it
		w.confirm(now)
	default:
		// The first answer of a window that we counted from our own clock, or one that shows
		// that we moved on too early.
		w.id, w.end, w.used, w.others, w.sure = u.Window, latest, 0, 0, false
		w.confirm(now)
	}
}

func (w *window) confirm(now time.Time) {
	if !w.sure {
		w.sure, w.since = true, now
	}
}

// missed notes a call that ended at now and whose answer told nothing. Answers may be told late, so
// not in the order in which they came.
func (w *window) missed(now time.Time) {
	i := sort.Search(len(w.blind), func(i int) bool { return w.blind[i].After(now) })
	w.blind = slices.Insert(w.blind, i, now)
}

// count takes in what the answer says about limit and use. inFlight includes the call that was
// answered.
func (w *window) count(u Usage, now time.Time, inFlight int) {
	switch {
	case !w.learned, u.Limit < w.limit, u.Limit > w.limit && !u.Taken.Before(w.limitAt):
		// A lower limit is believed at once. A higher one only from a call sent after the
		// present limit was learned, or answers out of order would bring old limits back.
		w.limit, w.learned, w.limitAt = u.Limit, true, now
	}
	if u.Remaining < 0 {
		w.missed(now)
		return
	}
	w.used = max(w.used, u.Limit-u.Remaining)
	w.others = max(w.others, w.used-w.ours)
	// Calls that ended before this one was sent are in the number, if they were counted.
	w.blind = w.blind[sort.Search(len(w.blind), func(i int) bool { return w.blind[i].After(u.Taken) }):]
	if len(w.blind) == 0 {
		w.ours = min(w.ours, w.used+inFlight-1) // some were not counted after all
	}
}

// margin is left for calls of others that we have not heard of yet: a hundredth, or three
// hundredths when others use the same limit or nobody knows yet.
func (w *window) margin() int {
	if w.others > 0 || w.before > 0 || !w.watched {
		return min((w.limit*3+99)/100, w.limit/2)
	}
	return w.limit / 100
}

// free is how many calls can be sent now without any risk of a 429 of our making.
func (w *window) free(inFlight, share int) int {
	free := w.limit - w.used - len(w.blind) - inFlight - w.margin()
	if !w.sure && free > 0 {
		// Nobody has told yet what others did in this window: expect what they did in the
		// last one, but send at least one call to find out.
		free = max(free-w.before, 1-inFlight)
	}
	return min(free, share-w.ours)
}

// left is how many calls can remain at best, once the calls in flight are answered.
func (w *window) left(share int) int {
	ours := w.ours - w.carried
	return min(w.limit-w.margin()-max(w.used, ours+w.others), share-ours)
}
