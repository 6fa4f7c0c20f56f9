package simulator

import "time"

// windowLength is the length of Intercom's rate-limit windows. They are aligned to Unix time.
const windowLength = 10 * time.Second

// WindowUse is what happened in one rate-limit window.
type WindowUse struct {
	Start time.Time
	// Used calls were let through, of Limit (the limit at the window's last call); Rejected
	// ones were refused with 429 because the window was used up.
	Used, Limit, Rejected int
}

// rateWindow counts the calls of the current window.
type rateWindow struct {
	limit int
	use   WindowUse
}

func (w *rateWindow) setLimit(calls int) {
	if calls <= 0 {
		calls = DefaultRateLimit
	}
	w.limit = calls
}

// take counts a call. It is false when the window has none left. past is the window before,
// when this call is the first of a new one.
func (w *rateWindow) take(now time.Time) (allowed bool, past *WindowUse) {
	start := time.Unix(now.Unix()-now.Unix()%10, 0)
	if !start.Equal(w.use.Start) {
		if !w.use.Start.IsZero() {
			before := w.use
			past = &before
		}
		w.use = WindowUse{Start: start}
	}
	w.use.Limit = w.limit
	if w.use.Used >= w.limit {
		w.use.Rejected++
		return false, past
	}
	w.use.Used++
	return true, past
}

func (w *rateWindow) remaining() int     { return max(0, w.limit-w.use.Used) }
func (w *rateWindow) resetAt() time.Time { return w.use.Start.Add(windowLength) }

// Windows returns the use of every rate-limit window in which a call came, oldest first; the
// last one may still be running.
func (s *Simulator) Windows() []WindowUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.windows.list()
	if !s.window.use.Start.IsZero() {
		out = append(out, s.window.use)
	}
	return out
}
