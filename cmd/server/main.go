// Command switchboard automates Intercom: it takes signed webhooks, decides with rules
// written in YAML, and acts on conversations through Intercom's API.
//
// Each subcommand has a file of its own. The exit code is 0 when all is fine, 1 when
// problems were found, 2 for wrong usage and 3 when the command could not run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	_ "time/tzdata" // calendars work where there are no time zones, as in the container image

	"github.com/alecthomas/kong"

	"switchboard/internal/app"
	"switchboard/internal/diag"
	"switchboard/internal/simulator"
)

// The exit codes.
const (
	exitOK       = 0
	exitProblems = 1
	exitUsage    = 2
	exitFailed   = 3
)

func main() {
	tuneRuntime()
	os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// tuneRuntime fits Go's runtime to this program. Whoever sets GOGC or GOMAXPROCS knows better.
//
// The heap is a few megabytes here, so it may grow further between collections than Go would
// let it. And the goroutine that commits is often inside the kernel, waiting for the disk: when
// it comes back, every intake waits for it, so with a few places more than processors it does
// not queue behind the requests.
func tuneRuntime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(250)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	}
}

// streams are what a command reads and writes: results go to out, the rest to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// cli is the whole command line. kong reads flags, environment and defaults from it.
type cli struct {
	Serve     serveCmd     `cmd:"" default:"withargs" help:"Take webhooks and act on them (the default command)."`
	Demo      demoCmd      `cmd:"" help:"Show the whole service against a built-in Intercom: no account, no network."`
	Check     checkCmd     `cmd:"" help:"Read rules as serve would, and say what is wrong."`
	Test      testCmd      `cmd:"" help:"Run the tests of rules."`
	Backtest  backtestCmd  `cmd:"" help:"Say what changed rules would have done otherwise."`
	Backfill  backfillCmd  `cmd:"" help:"Recover events that no notification told of."`
	Explain   explainCmd   `cmd:"" help:"Say why the rules did what they did on an event, or did not."`
	Doctor    doctorCmd    `cmd:"" help:"Say what is wrong with a set-up, and what to do about it."`
	Docs      docsCmd      `cmd:"" help:"Print the lists of facts, functions and codes of problems, and the JSON Schema of rules."`
	API       apiCmd       `cmd:"" name:"api" help:"Make a call of Intercom's API and print the answer."`
	Init      initCmd      `cmd:"" help:"Connect a workspace: check the token, and write rules, tests and settings for it."`
	Backup    backupCmd    `cmd:"" help:"Copy the database while the service runs."`
	Migrate   migrateCmd   `cmd:"" help:"Copy all state from SQLite to PostgreSQL, or back."`
	Replay    replayCmd    `cmd:"" help:"Have the rules asked again about stored events."`
	Health    healthCmd    `cmd:"" help:"Say whether the running service is ready."`
	Retry     retryCmd     `cmd:"" help:"Retry dead letters, or settle actions in doubt."`
	Snapshot  snapshotCmd  `cmd:"" help:"Save the names of the workspace, for check --snapshot."`
	Shadow    shadowCmd    `cmd:"" help:"Say what rules in shadow would have done, and whether people did the same."`
	Simulator simulatorCmd `cmd:"" help:"Run the built-in Intercom alone, for tests and for people who build against Intercom."`
	Token     tokenCmd     `cmd:"" help:"Make a token for somebody who shall use the console."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that has a shell complete commands and flags."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Say what may stand at the end of a line."`
	Man        manCmd        `cmd:"" help:"Print the manual page."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// run parses args, runs the command and returns the exit code.
func run(ctx context.Context, args []string, io streams) int {
	exited := -1
	var c cli
	parser, err := kong.New(&c,
		kong.Name("switchboard"),
		kong.Description("Automation for Intercom: reviewable like code, one binary, nothing lost, nothing sent twice."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(io),
		kong.Vars{"webhook_path": app.WebhookPath, "version": versionLine(), "app_id": simulator.DefaultAppID},
	)
	if err != nil {
		_, _ = fmt.Fprintln(io.err, "switchboard:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was shown
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(io.err, "switchboard: %v\nRun \"switchboard --help\" for what there is.\n", err)
		return exitUsage
	}
	return exitCode(parsed.Run(), io)
}

// exitCode reports an error, once, and turns it into the exit code.
func exitCode(err error, io streams) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code) // the command has said what is wrong
	}
	if bad, ok := errors.AsType[*app.RulesError](err); ok {
		_ = diag.WriteText(io.err, bad.Problems, colorful(io.err))
		_, _ = fmt.Fprintln(io.err, "switchboard: "+bad.Error()+`; "switchboard check" shows this without starting`)
		return exitProblems
	}
	_, _ = fmt.Fprintln(io.err, "switchboard:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// exitError is an exit code for which everything has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a setting that is missing or wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// colorful tells whether w is a terminal that wants colour.
func colorful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// released is the version that a release was given when it was built.
var released string

// version is that of the release or the module, or the commit that was built.
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
