package chaos_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"time"
)

// fileDriver wraps SQLite's driver: what goes to the file of a process passes its link and its disk.
const fileDriver = "chaos-sqlite"

var files = struct {
	sync.Mutex
	of map[string]*file // by path
}{of: map[string]*file{}}

// file is the way of one process to its database file.
type file struct {
	link *link
	disk *disk
}

func useFile(path string, f *file) {
	files.Lock()
	defer files.Unlock()
	files.of[path] = f
}

func init() {
	db, err := sql.Open("sqlite", "")
	if err != nil {
		panic(err)
	}
	sql.Register(fileDriver, wrapped{db.Driver()})
	_ = db.Close()
}

type wrapped struct{ driver.Driver }

func (d wrapped) Open(name string) (driver.Conn, error) {
	conn, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(name, "file:"), "?")
	files.Lock()
	defer files.Unlock()
	return &fileConn{conn.(sqliteConn), files.of[path]}, nil
}

// sqliteConn is all that SQLite's connections can do and database/sql uses.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

type fileConn struct {
	sqliteConn
	file *file
}

var errFull = errors.New("database or disk is full")

// do lets a statement through, or fails it.
func (f *file) do(query string, run func() error) error {
	if f == nil {
		return run()
	}
	if err := f.link.pass(); err != nil {
		return err
	}
	writes := !strings.HasPrefix(strings.TrimSpace(query), "SELECT")
	commit := query == "COMMIT"
	if query == "ROLLBACK" || !writes {
		return run() // a full disk can be read
	}
	s, slow := f.disk.strikes(commit)
	time.Sleep(slow)
	if s != strikeNot { // nobody is between us and a file: what fails has not happened
		return errFull
	}
	if f.link.dead() {
		return errGone
	}
	return run()
}

func (c *fileConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	err = c.file.do(query, func() (err error) {
		r, err = c.sqliteConn.ExecContext(ctx, query, args)
		return err
	})
	return r, err
}

func (c *fileConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &fileStmt{stmt.(sqliteStmt), query, c.file}, nil
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type fileStmt struct {
	sqliteStmt
	query string
	file  *file
}

func (s *fileStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (r driver.Result, err error) {
	err = s.file.do(s.query, func() (err error) {
		r, err = s.sqliteStmt.ExecContext(ctx, args)
		return err
	})
	return r, err
}

func (s *fileStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (r driver.Rows, err error) {
	err = s.file.do(s.query, func() (err error) {
		r, err = s.sqliteStmt.QueryContext(ctx, args)
		return err
	})
	return r, err
}
