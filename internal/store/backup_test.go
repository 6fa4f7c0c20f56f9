package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// onlyTags says that all but tags are seen.
func onlyTags(kind string, _ json.RawMessage) bool { return kind != "tag" }

func sqliteOnly(t testing.TB) {
	t.Helper()
	if storetest.Postgres() {
		t.Skip("a file of SQLite is what is copied")
	}
}

// TestI1_backup_has_all copies a database while events come in: the copy has all that was acknowledged
// before, opens, and is readable for its owner only.
func TestI1_backup_has_all(t *testing.T) {
	sqliteOnly(t)
	s := open(t)
	for i := range 100 {
		put(t, s, "before"+strconv.Itoa(i), "c/1")
	}
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			if _, err := s.Put(ctx, newEvent("during"+strconv.Itoa(n), "c/2")); err == nil {
				n++
			}
		}
		wrote <- n
	}()
	path := filepath.Join(t.TempDir(), "copy.db")
	b, err := s.Backup(t.Context(), store.BackupOptions{Path: path, Visible: onlyTags})
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes in %s while %d events came in", b.Bytes, b.Took, <-wrote)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != b.Bytes {
		t.Errorf("%v, %v; want a file of %d bytes for its owner only", info, err, b.Bytes)
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v; want the copy and nothing beside it", files, err)
	}
	copied := openAt(t, path)
	var before int
	for _, ev := range allPending(t, copied) {
		if strings.HasPrefix(ev.ID, "before") {
			before++
		}
	}
	if before != 100 {
		t.Errorf("the copy has %d of 100 events", before)
	}
}

// TestI4_backup_is_in_doubt: what was planned when the copy was made may have been done since. In the
// copy, and only there, it is read back before it is sent; what may be repeated stays as it is.
func TestI4_backup_is_in_doubt(t *testing.T) {
	sqliteOnly(t)
	s := open(t)
	put(t, s, "e", "c/1")
	c := claimOne(t, s, store.LaneEvents, time.Now())
	err := s.SaveDecision(t.Context(), c, store.Decision{Seq: 1, At: start, ReceivedAt: start, Trace: json.RawMessage(`{}`), Runs: []store.Run{{
		Rule: "r", Actions: []store.PlannedAction{{Kind: "tag", Params: json.RawMessage(`{}`)}, {Kind: "reply", Params: json.RawMessage(`{}`)}},
	}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	b, err := s.Backup(t.Context(), store.BackupOptions{Path: path, Visible: onlyTags})
	if err != nil || b.Doubted != 1 {
		t.Fatalf("Backup = %+v, %v; want one in doubt", b, err)
	}
	states := func(s *store.Store) (states []store.ActionState, attempted time.Time) {
		list, err := s.ActionsOf(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			states, attempted = append(states, a.State), a.AttemptedAt
		}
		return states, attempted
	}
	if got, _ := states(s); !slices.Equal(got, []store.ActionState{store.StatePlanned, store.StatePlanned}) {
		t.Errorf("the database has %v, want what it had", got)
	}
	got, attempted := states(openAt(t, path))
	if !slices.Equal(got, []store.ActionState{store.StatePlanned, store.StateAttempting}) || !attempted.Equal(b.At.Truncate(time.Microsecond)) {
		t.Errorf("the copy has %v at %s, want the reply in doubt since %s", got, attempted, b.At)
	}
}

// TestI10_backup_forgets: what was pruned is not in a copy, not even in its free pages.
func TestI10_backup_forgets(t *testing.T) {
	sqliteOnly(t)
	live, path := filepath.Join(t.TempDir(), "state.db"), filepath.Join(t.TempDir(), "copy.db")
	s := openAt(t, live)
	const word = "a-word-that-only-this-customer-wrote"
	put(t, s, "e", "c/"+word)
	c := claimOne(t, s, store.LaneEvents, time.Now())
	if err := s.SaveDecision(t.Context(), c, store.Decision{Seq: 1, At: start, Trace: json.RawMessage(`{}`)}, true); err != nil {
		t.Fatal(err)
	}
	put(t, s, "other", "c/2")
	allPending(t, s) // files it: the page of the first stays in use
	if n, err := s.Prune(t.Context(), time.Now(), 10); err != nil || n != 1 {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	if _, err := s.Backup(t.Context(), store.BackupOptions{Path: path, Visible: onlyTags}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	has := func(path string) int {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), word)
	}
	if has(live) == 0 {
		t.Error("the database itself has nothing left of the word: the test has shown nothing")
	}
	if n := has(path); n > 0 {
		t.Errorf("the copy has the word %d times", n)
	}
}

func TestBackup_refuses(t *testing.T) {
	sqliteOnly(t)
	dir := t.TempDir()
	live := filepath.Join(dir, "state.db")
	s := openAt(t, live)
	put(t, s, "e", "c/1")
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	older := filepath.Join(dir, "older.db")
	if _, err := s.Backup(t.Context(), store.BackupOptions{Path: older, Visible: onlyTags}); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(older, link); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		o    store.BackupOptions
		want string
	}{
		"what is there":       {store.BackupOptions{Path: older}, "--force"},
		"no database":         {store.BackupOptions{Path: file("rules.yaml", "version: 1"), Replace: true}, "is no database"},
		"a link":              {store.BackupOptions{Path: link, Replace: true}, "is no database"},
		"a folder":            {store.BackupOptions{Path: dir, Replace: true}, "is no database"},
		"the database itself": {store.BackupOptions{Path: live, Replace: true}, "the database itself"},
		"no folder":           {store.BackupOptions{Path: filepath.Join(dir, "none", "x.db")}, "none does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Visible = onlyTags
			if _, err := s.Backup(t.Context(), tt.o); !errors.Is(err, store.ErrBackup) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if _, err := s.Backup(t.Context(), store.BackupOptions{Path: older, Replace: true, Visible: onlyTags}); err != nil {
		t.Errorf("an older copy is not replaced: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backup(ctx, store.BackupOptions{Path: filepath.Join(dir, "stopped.db"), Visible: onlyTags}); err == nil {
		t.Error("a copy that was stopped is a success")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".switchboard*")); len(left) > 0 {
		t.Errorf("%v is left over", left)
	}
}

func TestBackup_of_PostgreSQL_names_its_tool(t *testing.T) {
	if !storetest.Postgres() {
		t.Skip("a file is copied")
	}
	_, err := open(t).Backup(t.Context(), store.BackupOptions{Path: filepath.Join(t.TempDir(), "copy.db"), Visible: onlyTags})
	if !errors.Is(err, store.ErrBackup) || !strings.Contains(err.Error(), "pg_dump --format=custom --file=switchboard.dump postgres://") {
		t.Errorf("%v, want the command of pg_dump", err)
	}
}

// TestI4_settled_by_hand runs what docs/operations.md says for copies that are hours old: nothing that
// waited is done.
func TestI4_settled_by_hand(t *testing.T) {
	sqliteOnly(t)
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "sqlite3 switchboard.db \"\n")
	statements, _, ok2 := strings.Cut(after, "\"\n")
	if !ok || !ok2 || !strings.Contains(statements, "UPDATE recoveries") {
		t.Fatalf("the page has no statements: %q", statements)
	}
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	put(t, s, "planned", "c/1")
	plan(t, s, claimOne(t, s, store.LaneEvents, time.Now()), 2, true)
	put(t, s, "filed", "c/2")
	allPending(t, s)
	put(t, s, "arrived", "c/3")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	if err := store.RunByHand(s, statements); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	st, err := s.Stats(t.Context())
	if err != nil || st.EventsWaiting != 0 {
		t.Errorf("%d events wait, %v", st.EventsWaiting, err)
	}
	list, err := s.ActionsOf(t.Context(), 1)
	if err != nil || len(list) != 2 || list[0].State != store.StateHeld {
		t.Errorf("actions %v, %v; want them held", list, err)
	}
	if n := store.Segments(s); n != 2 {
		t.Errorf("%d segments, want those of the events that are known", n)
	}
}
