package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium. Without one these tests skip; .ci/run installs it. SWITCHBOARD_TEST_AXE is the path of
// axe-core's axe.min.js, SWITCHBOARD_TEST_SCREENSHOTS a folder that gets a picture of every page.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("SWITCHBOARD_TEST_BROWSER")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here (SWITCHBOARD_TEST_BROWSER): the pages are not looked at in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	return ctx
}

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{
	{"wide", 1600, 1000, false},
	{"phone-dark", 360, 740, true},
}

// emulate makes the browser look that way.
func (l look) emulate(ctx context.Context) error {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(l.width, l.height)); err != nil {
		return err
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

// TestBrowser_every_page looks at each page on a wide screen and on a phone in the dark: nothing sticks out sideways,
// the style sheet passes the page's own policy, and axe finds nothing serious.
func TestBrowser_every_page(t *testing.T) {
	ctx := browser(t)
	c := startConsole(t)
	axe := readAxe(t)
	for _, l := range looks {
		if err := l.emulate(ctx); err != nil {
			t.Fatal(err)
		}
		for name, path := range map[string]string{
			"overview": "/", "events": "/events", "events-ran": "/events?outcome=ran", "events-none": "/events?topic=nothing", "events-refused": "/events?since=yesterday",
			"event": "/events/1", "event-unmatched": c.eventWhere("rule=answer&outcome=did_not_match"), "subject": c.subject(), "actions": "/actions",
			"dead": "/actions?state=dead", "action": "/actions/1", "timers": "/timers", "shadow": "/shadow",
		} {
			if err := chromedp.Do(ctx, chromedp.Navigate(c.url+path), chromedp.WaitReady(chromedp.CSS("h1"))); err != nil {
				t.Fatalf("%s, %s: %v", l.name, path, err)
			}
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > window.innerWidth"))
			if err != nil || wide {
				t.Errorf("%s, %s: the page is wider than the screen (%v)", l.name, path, err)
			}
			styled, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("getComputedStyle(document.body).margin === '0px'"))
			if err != nil || !styled {
				t.Errorf("%s, %s: the style sheet is not in force (%v)", l.name, path, err)
			}
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatalf("%s, %s: %v", l.name, path, err)
			}
			keepPicture(t, name+"-"+l.name, picture)
			for _, finding := range audit(ctx, t, axe) {
				t.Errorf("%s, %s: %s", l.name, path, finding)
			}
		}
	}
}

// subject is the page of the conversation that the first event is about.
func (c *liveConsole) subject() string {
	c.t.Helper()
	link := regexp.MustCompile(`/subjects/conversation/[0-9]+`).FindString(c.do(http.MethodGet, "/events/1", nil).body)
	if link == "" {
		c.t.Fatal("the page of an event does not lead to its conversation")
	}
	return link
}

// readAxe reads axe-core, if it is here.
func readAxe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SWITCHBOARD_TEST_AXE")
	if path == "" {
		t.Log("SWITCHBOARD_TEST_AXE is not set: accessibility is not looked at")
		return ""
	}
	return readFile(t, path)
}

// audit has axe look at the page. Its script comes through the debugger, which the page's policy does not bind.
func audit(ctx context.Context, t *testing.T, axe string) []string {
	t.Helper()
	if axe == "" {
		return nil
	}
	const ask = `axe.run().then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
		.map(v => v.id + ': ' + v.help + ' at ' + v.nodes.map(n => n.html.slice(0, 200)).join(' | ')))`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](axe+";0")); err != nil {
		t.Fatal(err)
	}
	findings, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](ask, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

func keepPicture(t *testing.T, name string, picture []byte) {
	t.Helper()
	dir := os.Getenv("SWITCHBOARD_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBrowser_retry does what a person does about a dead letter, with the keyboard alone.
func TestBrowser_retry(t *testing.T) {
	ctx := browser(t)
	c := startConsole(t)
	err := chromedp.Do(ctx, chromedp.Navigate(c.url+"/actions?state=dead"),
		chromedp.Focus(chromedp.CSS("input[name=id]")), chromedp.KeyEvent(" "),
		chromedp.Focus(chromedp.CSS("form[method=post] button.first")), chromedp.KeyEvent("\r"),
		chromedp.WaitVisible(chromedp.Search(`//h1[contains(., "1 action")]`)))
	if err != nil {
		t.Fatal(err)
	}
	row, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("tbody tr")))
	if err != nil || !strings.Contains(row, "answer") || !strings.Contains(row, "tag 1") {
		t.Errorf("%s, %v", row, err)
	}
	settled, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c.settle(settled)
	if st, err := c.app.Store().Stats(t.Context()); err != nil || st.Dead+st.Held != 0 {
		t.Errorf("%s", fmt.Sprint(st, err))
	}
}

// TestBrowser_search fills in the form as a person does.
func TestBrowser_search(t *testing.T) {
	ctx := browser(t)
	c := startConsole(t)
	err := chromedp.Do(ctx, chromedp.Navigate(c.url+"/events"),
		chromedp.SetValue(chromedp.CSS("select[name=rule]"), "answer"), chromedp.SetValue(chromedp.CSS("select[name=outcome]"), "did_not_match"),
		chromedp.Click(chromedp.CSS("form.search button")), chromedp.WaitVisible(chromedp.Search(`//a[contains(., "All events")]`)))
	if err != nil {
		t.Fatal(err)
	}
	where, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("tbody")))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(where, "outcome=did_not_match") || !strings.Contains(found, "conversation.user.created") {
		t.Errorf("%s: %s", where, found)
	}
}

// TestBrowser_overview_renews_itself: without a click, and without loading the page anew.
func TestBrowser_overview_renews_itself(t *testing.T) {
	ctx := browser(t)
	c := startConsole(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(c.url+"/"), chromedp.WaitReady(chromedp.CSS("h1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.mark = 1; document.querySelector("main").dataset.was = document.querySelector("main > p").textContent; 0`)); err != nil {
		t.Fatal(err)
	}
	anew := `window.mark === 1 && document.querySelectorAll("main").length === 1 && ` + "document.querySelector('main > p').textContent !== " + `document.querySelector("main").dataset.was`
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](anew, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Fatal(err)
	}
}
