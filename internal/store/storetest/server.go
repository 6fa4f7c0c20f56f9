package storetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// OwnServer is a PostgreSQL of a test's own, which may be stopped and started.
type OwnServer struct {
	t    testing.TB
	bin  string
	dir  string
	port int
}

// StartServer starts one. The test is skipped where PostgreSQL's programs are not installed; where CI is
// set they have to be.
func StartServer(t testing.TB) *OwnServer {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	switch {
	case len(found) == 0 && os.Getenv("CI") != "":
		t.Fatal("initdb is not installed")
	case len(found) == 0:
		t.Skip("NOT TESTED WITH A POSTGRESQL THAT FAILS: its programs (initdb, pg_ctl) are not installed")
	}
	dir, err := os.MkdirTemp("", "switchboard-postgres-") // not below t.TempDir, which another user cannot enter
	if err != nil {
		t.Fatal(err)
	}
	s := &OwnServer{t: t, bin: filepath.Dir(slices.Max(found)), dir: filepath.Join(dir, "data"), port: freePort(t)}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if u := s.user(); u != nil {
		if err := os.Chown(dir, int(u.Uid), int(u.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.run("initdb", "-D", s.dir, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
	s.Start()
	t.Cleanup(func() { _ = s.command("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop").Run() })
	return s
}

// URL is the URL of its database.
func (s *OwnServer) URL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// Start starts it and waits until it answers. It does not wait for the disk: what it wrote outlives its own
// crash, not that of the machine.
func (s *OwnServer) Start() {
	s.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-w", "-l", filepath.Join(s.dir, "log"), "-o",
		fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c max_connections=60 -c fsync=off", s.port, s.dir), "start")
}

// Crash ends it at once, as a loss of power does.
func (s *OwnServer) Crash() {
	s.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop")
}

// Restart stops it as an operator does, who does not wait for clients, and starts it again.
func (s *OwnServer) Restart() {
	s.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-m", "fast", "-w", "stop")
	s.Start()
}

func (s *OwnServer) run(program string, args ...string) {
	s.t.Helper()
	// The server would keep a pipe open for as long as it runs, so its output goes to a file.
	out, err := os.CreateTemp(s.t.TempDir(), program)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := s.command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		s.t.Fatalf("%s: %v\n%s", program, err, text)
	}
}

func (s *OwnServer) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...) //nolint:gosec,noctx // programs of PostgreSQL, which end by themselves
	cmd.Dir = filepath.Dir(s.dir)
	if u := s.user(); u != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u}
	}
	return cmd
}

// user is whom PostgreSQL runs as: it refuses to run as root.
func (s *OwnServer) user() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		s.t.Fatal("PostgreSQL does not run as root, and there is no user postgres: ", err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
