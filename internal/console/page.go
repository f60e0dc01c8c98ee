package console

import (
	"bytes"
	"context"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"cindergate/driver"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are all pages by name, each with the layout.
var templates = parseTemplates("login", "error", "overview", "volumes", "volume", "backups", "delete", "moves", "services", "wire", "exchange")

func parseTemplates(names ...string) map[string]*template.Template {
	base := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	for _, name := range names {
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return all
}

// page is what the layout shows.
type page struct {
	Title   string
	At      string // of the menu
	Session *session
	Form    string // token of forms
	Wide    bool   // all projects are shown
	Admin   bool
	Writes  bool // the role may change something
	Operate bool // services are shown
	Wire    bool // requests are shown
	Switch  bool // the session may change between one project and all
	Flashes []flash
	Path    string // with the query, to come back to
	Data    any
}

// render writes a page. Errors of templates are the programmer's.
func (c *Console) render(w http.ResponseWriter, status int, name string, p *page) {
	var out bytes.Buffer
	if err := templates[name].ExecuteTemplate(&out, "layout", p); err != nil {
		c.o.Log.Error("a page of the console cannot be made", zap.String("page", name), zap.Error(err))
		http.Error(w, "The page cannot be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // if it fails, the browser is gone
}

// request is a request of a session.
type request struct {
	c   *Console
	w   http.ResponseWriter
	r   *http.Request
	s   *session
	ctx context.Context // of requests to the API

	told []flash // what came of the request so far
}

// call sends a request to the Block Storage API.
func (q *request) call(method, path string, body, into any) error {
	return q.c.call(q.ctx, q.s, method, path, body, into)
}

// wide reports whether the request is about all projects.
func (q *request) wide() bool { return q.s.allProjects(q.c.o.Mode) }

// refreshHeader is sent by the console's own script when it renews a page, because something has changed.
// Such requests do not keep a session from ending, and see what has changed.
const refreshHeader = "X-Console-Refresh"

func (q *request) renews() bool { return q.r.Header.Get(refreshHeader) != "" }

// with finds the session of a request, and shows errors.
func (c *Console) with(serve func(*request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := c.sessions.find(r)
		if err != nil {
			c.away(w, r, err)
			return
		}
		if s == nil {
			c.toLogin(w, r)
			return
		}
		q := &request{c: c, w: w, r: r, s: s, ctx: from(r)}
		if q.renews() {
			s.held.forget()
		} else {
			c.sessions.touch(r.Context(), s)
		}
		err = error(&fault{http.StatusNotFound, "The console has no such page."})
		if id := r.PathValue("id"); safeName(id) == id && len(id) <= 64 {
			err = serve(q)
		}
		switch {
		case err == nil:
		case isStatus(err, http.StatusUnauthorized):
			if err := c.sessions.end(r.Context(), s); err != nil {
				c.away(w, r, err)
				return
			}
			c.toLogin(w, r)
		default:
			q.fail(err)
		}
	}
}

// away answers a request whose session cannot be found out now.
func (c *Console) away(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Retry-After", "5")
	if strings.HasPrefix(r.URL.Path, "/ui/api/") {
		writeJSON(w, http.StatusServiceUnavailable, apiError{err.Error()})
		return
	}
	c.render(w, http.StatusServiceUnavailable, "error", &page{Title: "Not available", Data: err.Error()})
}

// toLogin answers a request without a session.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/ui/api/") {
		writeJSON(w, http.StatusUnauthorized, apiError{"The session has ended. Log in again."})
		return
	}
	to := url.Values{}
	if _, err := r.Cookie(cookieName); err == nil {
		to.Set("ended", "1")
	}
	if next := nextOf(r.URL.RequestURI()); r.Method == http.MethodGet && next != "" && next != "/ui/" {
		to.Set("next", next)
	}
	path := "/ui/login"
	if len(to) > 0 {
		path += "?" + to.Encode()
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// apiError is an error of the JSON API.
type apiError struct {
	Error string `json:"error"`
}

// fail shows an error.
func (q *request) fail(err error) {
	status, text := http.StatusInternalServerError, "The console has failed. The log of the gateway says why."
	var f *fault
	var classified *driver.Error
	switch {
	case errors.As(err, &f):
		status, text = f.Status, f.Text
	case errors.As(err, &classified) && classified.Kind != driver.Internal:
		status, text = http.StatusBadGateway, classified.Message
		if classified.Kind == driver.InvalidInput {
			status = http.StatusBadRequest
		}
	case q.r.Context().Err() != nil:
		return // the browser is gone
	default:
		q.c.o.Log.Error("a page of the console failed", zap.String("path", q.r.URL.Path), zap.Error(err))
	}
	if strings.HasPrefix(q.r.URL.Path, "/ui/api/") {
		writeJSON(q.w, status, apiError{text})
		return
	}
	q.show(status, "error", map[int]string{http.StatusNotFound: "Not found", http.StatusForbidden: "Not allowed"}[status], "", text)
}

// lost answers a path that is none.
func (q *request) lost() error {
	return &fault{http.StatusNotFound, "The console has no such page."}
}

// show renders a page of the session.
func (q *request) show(status int, name, title, at string, data any) {
	if title == "" {
		title = "Something went wrong"
	}
	admin := q.s.caller.IsAdmin() && q.c.o.Mode != Tenant
	q.c.render(q.w, status, name, &page{
		Title: title, At: at, Session: q.s, Form: q.s.kept.Form, Wide: q.wide(), Admin: admin, Writes: q.s.caller.Role >= driver.Member, Operate: admin,
		Wire: admin && q.c.o.Wire != nil, Switch: admin, Flashes: q.flashes(), Path: q.r.URL.RequestURI(), Data: data,
	})
}

// flashes takes the messages that the page shows. A page that the script asks for shows only its parts with
// data, and so takes none. Those that cannot be taken stay for the next page.
func (q *request) flashes() []flash {
	if q.renews() || len(q.s.kept.Flashes) == 0 {
		return q.told
	}
	var waiting []flash
	err := q.c.sessions.change(q.r.Context(), q.s, func(st *kept) { waiting, st.Flashes = st.Flashes, nil })
	if err != nil {
		return q.told
	}
	return append(waiting, q.told...)
}

// withToken refuses forms that were not made for this session.
func withToken(serve func(*request) error) func(*request) error {
	return func(q *request) error {
		if err := q.r.ParseForm(); err != nil {
			return &fault{http.StatusBadRequest, "The form is longer than 65536 bytes, or is not one."}
		}
		if subtle.ConstantTimeCompare([]byte(q.r.PostFormValue("form")), []byte(q.s.kept.Form)) != 1 {
			return &fault{http.StatusForbidden, "The form was not made for this session. Open the page again and repeat it."}
		}
		return serve(q)
	}
}

// view is a page, and the same as JSON below /ui/api/.
type view struct {
	path, api, template, at string
	title                   func(data any) string
	load                    func(*request) (any, error)
	admin                   bool
}

// views are all pages.
var views = []view{
	{"{$}", "overview", "overview", "overview", fixed("Overview"), func(q *request) (any, error) { return q.overview() }, false},
	{"volumes", "volumes", "volumes", "volumes", fixed("Volumes"), func(q *request) (any, error) { return q.volumes() }, false},
	{"volumes/{id}", "volumes/{id}", "volume", "volumes", func(v any) string { return "Volume " + v.(*volumeView).Volume.Label() }, func(q *request) (any, error) { return q.volume() }, false},
	{"backups", "backups", "backups", "backups", fixed("Backups"), func(q *request) (any, error) { return q.backups() }, false},
	{"backups/delete", "backups/delete", "delete", "backups", fixed("Delete backups"), func(q *request) (any, error) { return q.chosen() }, false},
	{"moves", "moves", "moves", "moves", fixed("Moves"), func(q *request) (any, error) { return q.moves() }, false},
	{"services", "services", "services", "services", fixed("Services and gateways"), func(q *request) (any, error) { return q.services() }, true},
}

func fixed(title string) func(any) string { return func(any) string { return title } }

// read loads what a page shows.
func (v *view) read(q *request) (any, error) {
	if v.admin && (!q.s.caller.IsAdmin() || q.c.o.Mode == Tenant) {
		return nil, &fault{http.StatusForbidden, "Only admins see this page."}
	}
	return v.load(q)
}

// view serves a page.
func (c *Console) view(v view) http.HandlerFunc {
	return c.with(func(q *request) error {
		data, err := v.read(q)
		if err == nil {
			q.show(http.StatusOK, v.template, v.title(data), v.at, data)
		}
		return err
	})
}

// data serves what a page shows as JSON.
func (c *Console) data(v view) http.HandlerFunc {
	return c.with(func(q *request) error {
		data, err := v.read(q)
		if err == nil {
			writeJSON(q.w, http.StatusOK, data)
		}
		return err
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "The answer cannot be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // if it fails, the browser is gone
}
