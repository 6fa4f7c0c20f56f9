package intercom

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// anyCall are the methods that make whatever call they are given, or one page of any search.
var anyCall = []string{"Raw", "RawPages", "SearchPage"}

func operation(name string) (Operation, bool) {
	i := slices.IndexFunc(operations, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		return Operation{}, false
	}
	return operations[i], true
}

func TestOperations_are_the_methods_of_the_client_that_call(t *testing.T) {
	var methods []string
	takesContext := reflect.TypeFor[context.Context]()
	for m := range reflect.TypeFor[*Client]().Methods() {
		if m.Type.NumIn() > 1 && m.Type.In(1) == takesContext && !slices.Contains(anyCall, m.Name) {
			methods = append(methods, m.Name)
		}
	}
	var names []string
	for _, o := range Operations() {
		if slices.Contains(names, o.Name) {
			t.Errorf("%s is there twice", o.Name)
		}
		names = append(names, o.Name)
		if o.Repeat == "" || o.Doubt == "" {
			t.Errorf("%s does not say what becomes of repeating it", o.Name)
		}
		if o.Method == "GET" && (o.Repeat != RepeatSafe || o.Doubt != readAgain) {
			t.Errorf("%s only reads", o.Name)
		}
	}
	slices.Sort(methods)
	slices.Sort(names)
	if !slices.Equal(methods, names) {
		t.Errorf("methods that call: %v\noperations: %v", methods, names)
	}
}

func TestOperations_say_what_the_client_sends(t *testing.T) {
	shown := map[string]bool{}
	for _, call := range allCalls {
		name := strings.Fields(call.name)[0]
		o, ok := operation(name)
		if !ok {
			t.Errorf("no operation %s", name)
			continue
		}
		shown[name] = true
		path, _, _ := strings.Cut(call.uri, "?")
		if o.Method != call.method || !matches(o.Endpoint, path) {
			t.Errorf("%s is said to be %s %s, and sends %s %s", name, o.Method, o.Endpoint, call.method, path)
		}
	}
	for _, o := range operations {
		if !shown[o.Name] {
			t.Errorf("no call in the tests shows what %s sends", o.Name)
		}
	}
}

func matches(endpoint, path string) bool {
	steps, ids := strings.Split(endpoint, "/"), strings.Split(path, "/")
	return slices.EqualFunc(steps, ids, func(step, id string) bool {
		return step == id || (strings.HasPrefix(step, "{") && id != "")
	})
}

func TestOperations_have_every_endpoint_of_the_sources(t *testing.T) {
	var known []string
	for _, o := range operations {
		known = append(known, o.Endpoint)
	}
	for _, endpoint := range endpointsOfSources(t) {
		if !slices.Contains(known, endpoint) {
			t.Errorf("%s is called and is no operation", endpoint)
		}
	}
}

// endpointsOfSources are the texts in the package that look like endpoints. Tests, the table
// itself and pieces that are joined to others are left out.
func endpointsOfSources(t *testing.T) (found []string) {
	t.Helper()
	isEndpoint := regexp.MustCompile(`^(/[a-z_]+|/\{[a-z_]+\})+$`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "operations.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if _, joined := n.(*ast.BinaryExpr); joined {
				return false
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && isEndpoint.MatchString(text) {
					found = append(found, text)
				}
			}
			return true
		})
	}
	if len(found) < 10 {
		t.Fatalf("only %d endpoints found: %v", len(found), found)
	}
	return found
}
