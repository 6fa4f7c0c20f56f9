package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"switchboard/internal/diag"
)

// Source is the text of a rules file.
type Source struct {
	// Name is what problems call the file, usually its path as the user gave it.
	Name string `json:"name"`
	Text []byte `json:"text"`
}

// maxFile bounds a rules file, in bytes.
const maxFile = 1 << 20

// Load reads files and folders and compiles the rules in them. Of a folder it takes
// *.yaml and *.yml directly inside, in the order of their names, but no *.test.yaml and no
// hidden files. The ruleset is nil when any problem is an error. Warnings that a comment silences
// are left out.
func Load(paths []string) (*Ruleset, []diag.Problem) {
	found := Check(paths)
	return found.Ruleset, found.Problems
}

// LoadWithLoops does the same and accepts rules that feed each other without end. It is for
// tests of what stops them then.
func LoadWithLoops(paths []string) (*Ruleset, []diag.Problem) {
	found := check(paths, func(*loader) {})
	return found.Ruleset, found.Problems
}

// Check does the same as Load and tells of what is silenced, too.
func Check(paths []string) Report { return check(paths, (*loader).checkTogether) }

func check(paths []string, checkAll func(*loader)) Report {
	var files []Source
	var problems []diag.Problem
	seen := map[string]bool{}
	unreadable := func(name, hint string, err error) {
		problems = append(problems, diag.Problem{
			File: name, Severity: diag.Error, Code: "rules/cannot-read",
			Message: "cannot be read: " + plainError(err), Hint: hint,
		})
	}
	for _, path := range paths {
		names, err := filesIn(path)
		if err != nil {
			unreadable(path, "", err)
			continue
		}
		for _, name := range names {
			if seen[filepath.Clean(name)] {
				continue
			}
			seen[filepath.Clean(name)] = true
			text, err := readFile(name)
			if err != nil {
				unreadable(name, "", err)
				continue
			}
			files = append(files, Source{name, text})
		}
	}
	if len(paths) == 0 {
		unreadable("", "name a rules file or a folder with rules files", errors.New("no file was given"))
	}
	return compileFiles(files, problems, checkAll, readHolidayFile)
}

// plainError is the cause without the path, which the problem names already.
func plainError(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return err.Error()
}

// filesIn returns the rules files that a path stands for.
func filesIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries { // sorted by name
		if !rulesFile(entry.Name()) {
			continue
		}
		name := filepath.Join(path, entry.Name())
		// Stat follows links: mounted configuration consists of them.
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			continue
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errors.New("the folder holds no rules file (*.yaml or *.yml)")
	}
	return names, nil
}

func rulesFile(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	base, isYAML := strings.CutSuffix(name, ".yaml")
	if !isYAML {
		base, isYAML = strings.CutSuffix(name, ".yml")
	}
	return isYAML && !strings.HasSuffix(base, ".test")
}

// ReadSource reads a file as rules files are read: nothing that only looks like one, and not much more than a
// rules file may have.
func ReadSource(name string) (Source, error) {
	text, err := readFile(name)
	return Source{name, text}, err
}

// readFile reads a file, but nothing that only looks like one: a pipe can be waited on for ever.
func readFile(name string) (text []byte, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return text, nil
}

// readable checks what the YAML parser would only complain about without a place.
func (p *loader) readable(src Source) (text string, ok bool) {
	if len(src.Text) > maxFile {
		p.fileProblem(src.Name, "rules/too-large", "", fmt.Sprintf("the file is larger than %d KiB", maxFile>>10))
		return "", false
	}
	text = strings.TrimPrefix(string(src.Text), "\ufeff")
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		p.fileProblem(src.Name, "rules/not-utf8", "save the file as UTF-8", "the file is in UTF-16, not in UTF-8")
		return "", false
	}
	p.file = newSourceFile(src.Name, text)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			p.reportAt(p.placeOf(text, i), diag.Error, "rules/not-utf8", "save the file as UTF-8", "this is not UTF-8")
			return "", false
		}
		if r == '\r' && forbidden(text, i, r) {
			p.reportAt(p.placeOf(text, i), diag.Error, "rules/control-character", "save the file with the line ends of Unix or Windows",
				"this line ends with a carriage return only")
			return "", false
		}
		if forbidden(text, i, r) {
			p.reportAt(p.placeOf(text, i), diag.Error, "rules/control-character", "delete it",
				"the character %U is not allowed", r)
			return "", false
		}
		i += size
	}
	return text, true
}

// forbidden characters are those that YAML forbids, and line ends that editors do not show
// as such, after which line numbers would be wrong.
func forbidden(text string, i int, r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case r == '\r':
		return i+1 >= len(text) || text[i+1] != '\n'
	case r < 0x20, 0x7f <= r && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff', r == '\ufffe', r == '\uffff':
		return true
	}
	return false
}

// placeOf is the place of the byte at i.
func (p *loader) placeOf(text string, i int) span {
	before := text[:i]
	start := strings.LastIndexByte(before, '\n') + 1
	column := utf8.RuneCountInString(before[start:]) + 1
	return span{strings.Count(before, "\n") + 1, column, column + 1}
}
