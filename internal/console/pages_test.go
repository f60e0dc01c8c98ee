package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func allPages(volume string) []string {
	return []string{"/ui/", "/ui/volumes", "/ui/volumes/" + volume, "/ui/backups", "/ui/moves"}
}

// walk visits all elements of a page.
func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textIn(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var text strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		text.WriteString(textIn(c))
	}
	return text.String()
}

// checkPage checks what a page must be without JavaScript: one heading, labels, unique ids, no code and
// no style in it, and nothing from elsewhere.
func checkPage(t *testing.T, path, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	must(t, err)
	ids, labels, headings := map[string]bool{}, map[string]bool{}, 0
	var inputs []*html.Node
	walk(doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("%s: the id %s is there twice", path, id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "src" || a.Key == "action") && !strings.HasPrefix(a.Val, "/ui/") && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
			}
		}
		switch n.Data {
		case "h1":
			headings++
		case "label":
			labels[attr(n, "for")] = true
		case "input", "select", "textarea":
			if attr(n, "type") != "hidden" {
				inputs = append(inputs, n)
			}
		case "script":
			if attr(n, "type") != "module" || attr(n, "src") != assetPath("console.js") || textIn(n) != "" {
				t.Errorf("%s: a script %v %q", path, n.Attr, textIn(n))
			}
		case "style", "iframe", "object", "base":
			t.Errorf("%s: <%s>", path, n.Data)
		case "form":
			if attr(n, "method") == "post" && !strings.Contains(path, "login") {
				token := ""
				walk(n, func(c *html.Node) {
					if attr(c, "name") == "form" {
						token = attr(c, "value")
					}
				})
				if token == "" {
					t.Errorf("%s: the form %s has no token", path, attr(n, "action"))
				}
			}
		case "html":
			if attr(n, "lang") == "" {
				t.Errorf("%s: no language", path)
			}
		}
	})
	if headings != 1 {
		t.Errorf("%s: %d headings of the first level", path, headings)
	}
	for _, n := range inputs {
		if !labels[attr(n, "id")] && attr(n, "aria-label") == "" {
			t.Errorf("%s: the field %s has no label", path, attr(n, "name"))
		}
	}
	walk(doc, func(n *html.Node) {
		if by := attr(n, "aria-labelledby"); by != "" && !ids[by] {
			t.Errorf("%s: no element is called %s", path, by)
		}
	})
	return doc
}

// Every page works without JavaScript, is well-formed, and says what it may load.
func TestPages(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	empty := b.get("/ui/")
	checkPage(t, "the empty overview", empty)
	if !strings.Contains(empty, "openstack volume create") {
		t.Error("the empty overview does not say what to do next")
	}
	v := b.volume("photos")
	id := b.backUp(v, url.Values{"name": {"monday"}})
	b.backUp(v, url.Values{"name": {"tuesday"}, "incremental": {"1"}})
	for _, path := range append(allPages(v), "/ui/backups/delete?id="+id, "/ui/volumes?name=nothing", "/ui/backups?status=error") {
		checkPage(t, path, b.get(path))
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		} {
			if got := b.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	admin := r.login("admin")
	for _, path := range append(allPages(v), "/ui/services") {
		checkPage(t, path, admin.get(path))
	}
	for path, status := range map[string]int{"/ui/nothing": 404, "/ui/volumes/nothing": 404, "/ui/volumes/..%2f..": 404, "/ui/services": 403} {
		if b.do(http.MethodGet, path, nil); b.status != status {
			t.Errorf("%s: %d", path, b.status)
		}
		checkPage(t, path, b.page)
	}
	out := r.browser()
	checkPage(t, "/ui/login", out.get("/ui/login"))
	css := assetPath("console.css")
	out.get(css)
	if out.header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(out.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %v", css, out.header)
	}
	if out.do(http.MethodGet, "/ui/assets/0/console.css", nil); out.status != http.StatusNotFound {
		t.Errorf("another hash: %d", out.status)
	}
}

// Each page is there as JSON as well.
func TestJSON(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	v := b.volume("photos")
	b.backUp(v, url.Values{})
	for _, path := range []string{"overview", "volumes", "volumes/" + v, "backups", "moves"} {
		var into map[string]any
		if err := json.Unmarshal([]byte(b.get("/ui/api/"+path)), &into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	var o overview
	must(t, json.Unmarshal([]byte(b.get("/ui/api/overview")), &o))
	if o.Volumes != 1 || o.Protected != 1 || o.Backups != 1 || o.LastSuccess == nil || o.LastSuccess.VolumeID != v {
		t.Errorf("%+v", o)
	}
	if b.do(http.MethodGet, "/ui/api/volumes/nothing", nil); b.status != http.StatusNotFound || !strings.Contains(b.page, `{"error":`) {
		t.Errorf("a volume that is none: %d %s", b.status, b.page)
	}
}

// Names with markup, from right to left, and of 255 emoji are text.
func TestNamesAreText(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	names := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.Form}}`, "\u202eevil\u2066", `'; alert(1); '`, strings.Repeat("😀", 255),
		"javascript:alert(1)", "a\u0000b"[:1] + "&amp;",
	}
	for _, name := range names {
		v := b.volume(name)
		b.backUp(v, url.Values{"name": {name}})
		doc := checkPage(t, name, b.get("/ui/volumes/"+v))
		var heading string
		walk(doc, func(n *html.Node) {
			if n.Data == "h1" {
				heading = textIn(n)
			}
		})
		if heading != "Volume "+name {
			t.Errorf("%q is shown as %q", name, heading)
		}
	}
	for _, path := range []string{"/ui/", "/ui/volumes", "/ui/backups", "/ui/volumes?name=" + url.QueryEscape(names[1]), "/ui/backups?name=" + url.QueryEscape(names[0])} {
		doc := checkPage(t, path, b.get(path))
		var found []string
		walk(doc, func(n *html.Node) {
			if n.Data == "bdi" {
				found = append(found, textIn(n))
			}
		})
		if strings.Contains(path, "?") || path == "/ui/" {
			continue
		}
		for _, name := range names {
			if !slices.Contains(found, name) {
				t.Errorf("%s does not show %q", path, name)
			}
		}
	}
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {names[1]}, "password": {"x"}, "project": {names[0]}})
	checkPage(t, "login", b.page)
}
