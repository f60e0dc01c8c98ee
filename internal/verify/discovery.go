package verify

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// versions reads the version document. It returns the newest microversion, and whether v2 is
// in it.
func (x *X) versions() (highest string, v2 bool, err error) {
	a, err := x.try(func() *answer { return x.get("/", root, by(Nobody), at("")) })
	if err != nil {
		return "", false, err
	}
	highest = "3.0"
	list, ok := a.value("versions").([]any)
	if !ok {
		if a.e.Status >= http.StatusInternalServerError {
			return "", false, errors.New(x.r.report.URL + " answered " + statusText(a.e.Status) + a.said())
		}
		return highest, false, nil
	}
	for _, v := range list {
		m, _ := v.(map[string]any)
		id, _ := m["id"].(string)
		version, _ := m["version"].(string)
		v2 = v2 || strings.HasPrefix(id, "v2")
		if strings.HasPrefix(id, "v3") && versionPattern.MatchString(version) {
			highest = version
		}
	}
	return highest, v2, nil
}

// v3Entry is the path of v3's entry in a version document.
func (a *answer) v3Entry() string {
	for i, id := range a.column("versions", "id") {
		if strings.HasPrefix(id, `"v3`) {
			return "versions." + string(rune('0'+i%10))
		}
	}
	a.fail("an entry of versions whose id begins with v3", "%s", a.short())
	return ""
}

// document is the version document, which needs no token.
func (x *X) document() *answer {
	a := x.get("/", root, by(Nobody), at(""))
	if a.e.Status != http.StatusOK {
		a.is(http.StatusMultipleChoices)
	}
	return a
}

var discoveryCases = []Case{
	{
		Name: "version-document", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "GET / lists the versions without a token, with 300 or 200.",
		Source: "cinder/api/versions.py:VersionsController.all",
		Run: func(x *X) {
			a := x.document()
			for i := range a.list("versions") {
				a.keys("versions."+string(rune('0'+i)), []string{"id", "status", "version", "min_version", "updated", "links", "media-types"})
			}
			a.v3Entry()
		},
	},
	{
		Name: "version-range", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "The entry of v3 has the first and the last microversion, as 3.N.",
		Source: "cinder/api/versions.py:_KNOWN_VERSIONS",
		Run: func(x *X) {
			a := x.document()
			e := a.v3Entry()
			a.equal(e+".min_version", "3.0")
			a.matches(e+".version", `^3\.\d+$`, "3.N")
		},
	},
	{
		Name: "version-status", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "v3 is CURRENT.",
		Source: "cinder/api/versions.py:_KNOWN_VERSIONS",
		Run: func(x *X) {
			a := x.document()
			a.equal(a.v3Entry()+".status", "CURRENT")
		},
	},
	{
		Name: "version-updated", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "updated is a time with the zone Z, unlike all other times.",
		Source: "cinder/api/versions.py:_KNOWN_VERSIONS",
		Run: func(x *X) {
			a := x.document()
			a.matches(a.v3Entry()+".updated", `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, "a time such as 2022-08-31T00:00:00Z")
		},
	},
	{
		Name: "version-link", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "The link self of v3 ends with /v3/.",
		Source: "cinder/api/views/versions.py:ViewBuilder._build_links",
		Run: func(x *X) {
			a := x.document()
			e := a.v3Entry()
			for i, rel := range a.column(e+".links", "rel") {
				if rel == `"self"` {
					a.matches(e+".links."+string(rune('0'+i))+".href", `^https?://[^/]+(/.*)?/v3/$`, "a URL that ends with /v3/")
					return
				}
			}
			a.fail("a link self", "%s", show(a.value(e+".links")))
		},
	},
	{
		Name: "version-media-type", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "The media type of v3 is that of JSON in version 3.",
		Source: "cinder/api/versions.py:_MEDIA_TYPES",
		Run: func(x *X) {
			a := x.document()
			e := a.v3Entry() + ".media-types.0"
			a.equal(e+".base", "application/json")
			a.equal(e+".type", "application/vnd.openstack.volume+json;version=3")
		},
	},
	{
		Name: "v3-document", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "GET /v3/ with a token describes v3 alone.",
		Source: "cinder/api/versions.py:VersionsController.v3",
		Run: func(x *X) {
			a := x.get("/v3/", root, at("")).is(http.StatusOK)
			if n := len(a.list("versions")); n != 1 {
				a.fail("one version", "%d", n)
			}
			a.v3Entry()
		},
	},
	{
		Name: "v3-redirect", Capability: "version document", Level: ReadOnly, To: "3.0",
		Rule:   "GET /v3 is redirected to /v3/ with 302.",
		Source: "etc/cinder/api-paste.ini: urlmap of Paste (paste/urlmap.py:URLMap.__call__), cinder/api/v3/router.py:APIRouter",
		Run: func(x *X) {
			x.get("/v3", root, at("")).is(http.StatusFound).header("Location", `/v3/$`)
		},
	},
	{
		Name: "health-check", Capability: "health check", Level: ReadOnly, To: "3.0",
		Rule:   "GET /healthcheck answers 200 without a token.",
		Source: "etc/cinder/api-paste.ini: app:healthcheck (oslo_middleware/healthcheck)",
		Run:    func(x *X) { x.get("/healthcheck", root, by(Nobody), at("")).is(http.StatusOK) },
	},
	{
		Name: "token-missing", Capability: "authentication", Level: ReadOnly,
		Rule:   "A request without a token is 401.",
		Source: "keystonemiddleware/auth_token/__init__.py:AuthProtocol.process_response",
		Run:    func(x *X) { x.get("/backups", by(Nobody)).is(http.StatusUnauthorized) },
	},
	{
		Name: "token-wrong", Capability: "authentication", Level: ReadOnly,
		Rule:   "A request with a token that Keystone does not know is 401.",
		Source: "keystonemiddleware/auth_token/__init__.py:BaseAuthProtocol.fetch_token",
		Run:    func(x *X) { x.get("/backups", withToken("not-a-token-"+x.r.id)).is(http.StatusUnauthorized) },
	},
	{
		Name: "token-error-form", Capability: "authentication", Level: ReadOnly,
		Rule:   `The body of a 401 is {"error": {"code": 401, "title": "Unauthorized", "message": …}}.`,
		Source: "keystonemiddleware/auth_token/__init__.py:BaseAuthProtocol.process_request",
		Run: func(x *X) {
			a := x.get("/backups", by(Nobody)).is(http.StatusUnauthorized)
			a.equal("error.code", 401.0)
			a.equal("error.title", "Unauthorized")
			a.str("error.message")
		},
	},
	{
		Name: "token-challenge", Capability: "authentication", Level: ReadOnly,
		Rule:   "A 401 names Keystone's URL in WWW-Authenticate.",
		Source: "keystonemiddleware/auth_token/__init__.py:AuthProtocol._reject_auth_headers",
		Run: func(x *X) {
			x.get("/backups", by(Nobody)).is(http.StatusUnauthorized).header("WWW-Authenticate", `^Keystone uri="https?://[^"]+"`)
		},
	},
	{
		Name: "token-before-route", Capability: "authentication", Level: ReadOnly,
		Rule:   "Without a token a resource that does not exist is 401, not 404.",
		Source: "etc/cinder/api-paste.ini: authtoken precedes apiv3",
		Run:    func(x *X) { x.get(somewhere, by(Nobody)).is(http.StatusUnauthorized) },
	},
	{
		Name: "project-of-others", Capability: "authentication", Level: ReadOnly,
		Rule:   "A project in the URL that is not the token's is 400.",
		Source: "cinder/api/openstack/wsgi.py:Resource._process_stack",
		Run: func(x *X) {
			x.project()
			x.get("/v3/00000000000000000000000000000000/backups", root).fault(http.StatusBadRequest, "Malformed request url")
		},
	},
	{
		Name: "path-without-project", Capability: "paths without a project", Level: ReadOnly, From: "3.67",
		Rule:   "The project may be left out of the URL.",
		Source: "cinder/api/openstack/rest_api_version_history.rst: 3.67",
		Run: func(x *X) {
			a := x.get("/backups?limit=1", withoutProject).is(http.StatusOK)
			a.list("backups")
		},
	},
	{
		Name: "path-without-project-unknown", Capability: "paths without a project", Level: ReadOnly, From: "3.67",
		Rule:   "A backup that does not exist is 404 at a URL without a project, too.",
		Source: "cinder/api/openstack/__init__.py:ProjectMapper.resource",
		Run: func(x *X) {
			x.get(somewhere, withoutProject).fault(http.StatusNotFound, nowhere)
		},
	},
	{
		Name: "extensions-list", Capability: "extensions", Level: ReadOnly,
		Rule:   "The list of extensions has backups, by which clients find out that backups are there.",
		Source: "cinder/api/extensions.py:ExtensionsResource.index, cinder/api/contrib/backups.py:Backups",
		Run: func(x *X) {
			a := x.get("/extensions").is(http.StatusOK)
			if !slices.Contains(a.column("extensions", "alias"), `"backups"`) {
				a.fail("an extension with the alias backups", "%v", a.column("extensions", "alias"))
			}
		},
	},
	{
		Name: "extension-backups", Capability: "extensions", Level: ReadOnly,
		Rule:   "The extension backups can be shown.",
		Source: "cinder/api/extensions.py:ExtensionsResource.show",
		Run: func(x *X) {
			a := x.get("/extensions/backups").is(http.StatusOK)
			a.keys("extension", []string{"name", "alias", "description", "updated", "links"})
			a.equal("extension.alias", "backups")
		},
	},
	{
		Name: "extension-unknown", Capability: "extensions", Level: ReadOnly,
		Rule:   "An unknown extension is 404.",
		Source: "cinder/api/extensions.py:ExtensionsResource.show",
		Run:    func(x *X) { x.get("/extensions/" + nowhere).is(http.StatusNotFound) },
	},
}
