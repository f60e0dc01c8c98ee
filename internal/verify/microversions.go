package verify

import (
	"net/http"
	"strings"
)

const versionHeader = "OpenStack-API-Version"

func versioned(name, from, rule, source string, run func(*X)) Case {
	return Case{Name: name, Capability: "microversions", Level: ReadOnly, From: from, Rule: rule, Source: source, Run: run}
}

const versionSource = "cinder/api/openstack/wsgi.py:Request.set_api_version_request"

// oneList is a request that every login may send.
const oneList = "/backups?limit=1"

var microversionCases = []Case{
	versioned("version-default", "", "A request that names no microversion is served as 3.0, and the answer says so.", versionSource, func(x *X) {
		x.get(oneList, at("")).is(http.StatusOK).has(versionHeader, "volume 3.0")
	}),
	versioned("version-echo", "3.1", "The answer names exactly the microversion that was asked for.", "cinder/api/openstack/wsgi.py:Resource._process_stack", func(x *X) {
		x.get(oneList).is(http.StatusOK).has(versionHeader, "volume "+x.version)
	}),
	versioned("version-vary", "", "The answer varies with the header of microversions.", "cinder/api/openstack/wsgi.py:Resource._process_stack", func(x *X) {
		x.get(oneList).is(http.StatusOK).header("Vary", `(?i)OpenStack-API-Version`)
	}),
	versioned("version-latest", "", "latest is the newest microversion, and the answer names its number.", versionSource, func(x *X) {
		x.get(oneList, at("latest")).is(http.StatusOK).has(versionHeader, "volume "+x.r.max)
	}),
	versioned("version-among-services", "", "The microversion of volume counts among those of several services.", versionSource, func(x *X) {
		x.get(oneList, at(""), with(versionHeader, "compute 2.1,volume "+x.version)).is(http.StatusOK).has(versionHeader, "volume "+x.version)
	}),
	versioned("version-too-new", "", "A microversion that the endpoint does not have is 406.", versionSource, func(x *X) {
		x.get(oneList, at("3.999")).is(http.StatusNotAcceptable)
	}),
	versioned("version-too-new-form", "", "The body of a 406 is a computeFault that names the range.", "cinder/exception.py:InvalidGlobalAPIVersion", func(x *X) {
		x.get(oneList, at("3.999")).fault(http.StatusNotAcceptable, "3.999", "3.0", x.r.max)
	}),
	versioned("version-too-new-header", "", "A 406 names the microversion that was asked for.", "cinder/api/openstack/wsgi.py:Resource._process_stack", func(x *X) {
		x.get(oneList, at("3.999")).is(http.StatusNotAcceptable).has(versionHeader, "volume 3.999")
	}),
	versioned("version-too-old", "", "A microversion below 3.0 is 406.", versionSource, func(x *X) {
		x.get(oneList, at("2.0")).is(http.StatusNotAcceptable)
	}),
	versioned("version-malformed", "", "A microversion that is no MAJOR.MINOR is 400.", "cinder/api/openstack/api_version_request.py:APIVersionRequest.__init__", func(x *X) {
		x.get(oneList, at("3")).fault(http.StatusBadRequest, "3", "format")
	}),
	versioned("version-leading-zero", "", "3.01 is no microversion: it is 400.", "cinder/api/openstack/api_version_request.py:APIVersionRequest.__init__", func(x *X) {
		x.get(oneList, at("3.01")).fault(http.StatusBadRequest, "3.01")
	}),
	versioned("version-on-faults", "", "A fault names the microversion as well.", "cinder/api/openstack/wsgi.py:Resource._process_stack", func(x *X) {
		x.get(somewhere).is(http.StatusNotFound).has(versionHeader, "volume "+x.version)
	}),
	versioned("version-hides-filters", "", "An operation that came later does not exist before its microversion: it is 404.", "cinder/api/v3/resource_filters.py:ResourceFiltersController.index", func(x *X) {
		x.get("/resource_filters", at("3.32")).is(http.StatusNotFound)
	}),
	versioned("version-hides-messages", "", "Messages do not exist before 3.3.", "cinder/api/v3/messages.py:MessagesController.index", func(x *X) {
		x.get("/messages", at("3.2")).is(http.StatusNotFound)
	}),
}

var faultCases = []Case{
	{
		Name: "backup-unknown", Capability: "faults", Level: ReadOnly,
		Rule:   "A backup that does not exist is 404 itemNotFound, and the message names its id.",
		Source: "cinder/exception.py:BackupNotFound",
		Run:    refusesGet(somewhere, http.StatusNotFound, nowhere),
	},
	{
		Name: "backup-no-uuid", Capability: "faults", Level: ReadOnly,
		Rule:   "An id that is no UUID is 404, not 400.",
		Source: "cinder/api/contrib/backups.py:BackupsController.show",
		Run:    refusesGet("/backups/no-uuid", http.StatusNotFound, "no-uuid"),
	},
	{
		Name: "route-unknown", Capability: "faults", Level: ReadOnly,
		Rule:   "A path that is no route is 404.",
		Source: "cinder/wsgi/common.py, routes/middleware.py: webob's HTTPNotFound",
		Run:    func(x *X) { x.get("/no-such-collection").is(http.StatusNotFound) },
	},
	{
		Name: "route-slash", Capability: "faults", Level: ReadOnly,
		Rule:   "A path with a slash at its end is no route.",
		Source: "cinder/api/openstack/__init__.py:ProjectMapper",
		Run:    func(x *X) { x.get("/backups/").is(http.StatusNotFound) },
	},
	{
		Name: "route-json-suffix", Capability: "faults", Level: ReadOnly,
		Rule:   "A path may end with .json.",
		Source: "routes/mapper.py:Mapper.resource (the routes formatted_…)",
		Run: func(x *X) {
			x.get("/backups.json?limit=1").is(http.StatusOK).list("backups")
		},
	},
	{
		Name: "metadata-of-backup-is-no-route", Capability: "faults", Level: ReadOnly,
		Rule:   "Backups have no path of their own for metadata.",
		Source: "cinder/api/contrib/backups.py:Backups.get_resources",
		Run:    func(x *X) { x.get(somewhere + "/metadata").is(http.StatusNotFound) },
	},
	{
		Name: "content-type", Capability: "faults", Level: ReadOnly,
		Rule:   "Answers are application/json.",
		Source: "cinder/api/openstack/wsgi.py:ResponseObject.serialize",
		Run:    func(x *X) { x.get(oneList).is(http.StatusOK).header("Content-Type", `^application/json\b`) },
	},
	{
		Name: "content-type-of-faults", Capability: "faults", Level: ReadOnly,
		Rule:   "Faults are application/json.",
		Source: "cinder/api/openstack/wsgi.py:Fault.__call__",
		Run:    func(x *X) { x.get(somewhere).is(http.StatusNotFound).header("Content-Type", `^application/json\b`) },
	},
	{
		Name: "accept-any", Capability: "faults", Level: ReadOnly,
		Rule:   "A client that accepts anything gets JSON.",
		Source: "cinder/api/openstack/wsgi.py:Request.best_match_content_type",
		Run: func(x *X) {
			x.get(oneList, with("Accept", "*/*")).is(http.StatusOK).header("Content-Type", `^application/json\b`)
		},
	},
	{
		Name: "request-id", Capability: "request ids", Level: ReadOnly,
		Rule:   "An answer has a request id of the form req-UUID.",
		Source: "oslo_middleware/request_id.py:RequestId, cinder/context.py:RequestContext",
		Run:    func(x *X) { x.get(oneList).header("X-Openstack-Request-Id", requestID) },
	},
	{
		Name: "request-id-of-compute", Capability: "request ids", Level: ReadOnly,
		Rule:   "x-compute-request-id, which cinderclient shows, has the same value.",
		Source: "cinder/api/openstack/wsgi.py:Resource._process_stack (COMPUTE_API_REQUEST_ID)",
		Run: func(x *X) {
			a := x.get(oneList)
			a.has("X-Compute-Request-Id", a.header("X-Openstack-Request-Id", requestID))
		},
	},
	{
		Name: "request-id-differs", Capability: "request ids", Level: ReadOnly,
		Rule:   "Two requests have two ids.",
		Source: "oslo_context/context.py:generate_request_id",
		Run: func(x *X) {
			first := x.get(oneList).header("X-Openstack-Request-Id", requestID)
			a := x.get(oneList)
			x.expect(a.header("X-Openstack-Request-Id", requestID) != first, a, "another request id than the one before", first)
		},
	},
	{
		Name: "request-id-of-client", Capability: "request ids", Level: ReadOnly,
		Rule:   "The request id of a client does not become that of the answer.",
		Source: "oslo_middleware/request_id.py:RequestId.__call__ (global request id)",
		Run: func(x *X) {
			const own = "req-11111111-1111-4111-8111-111111111111"
			a := x.get(oneList, with("X-Openstack-Request-Id", own))
			x.expect(a.header("X-Openstack-Request-Id", requestID) != own, a, "a request id of the endpoint", own)
		},
	},
	{
		Name: "request-id-of-faults", Capability: "request ids", Level: ReadOnly,
		Rule:   "A fault has a request id as well.",
		Source: "cinder/api/openstack/wsgi.py:Resource._process_stack",
		Run:    func(x *X) { x.get(somewhere).is(http.StatusNotFound).header("X-Openstack-Request-Id", requestID) },
	},
	{
		Name: "body-no-json", Capability: "faults", Level: Tenant,
		Rule:   "A body that is no JSON is 400.",
		Source: "cinder/api/openstack/wsgi.py:JSONDeserializer._from_json",
		Run:    refuses(http.MethodPost, "/backups", `{"backup": `, http.StatusBadRequest),
	},
	{
		Name: "body-no-object", Capability: "faults", Level: Tenant,
		Rule:   "A body that is no object is 400.",
		Source: "cinder/api/validation/validators.py:_SchemaValidator.validate",
		Run:    refuses(http.MethodPost, "/backups", `[]`, http.StatusBadRequest),
	},
	{
		Name: "body-type", Capability: "faults", Level: Tenant,
		Rule:   "A body of another content type than JSON is 415.",
		Source: "cinder/api/openstack/wsgi.py:Request.get_content_type",
		Run: func(x *X) {
			x.post("/backups", "backup", with("Content-Type", "text/plain")).fault(http.StatusUnsupportedMediaType)
		},
	},
	{
		Name: "body-charset", Capability: "faults", Level: Tenant,
		Rule:   "The content type may have a charset.",
		Source: "cinder/api/openstack/wsgi.py:Request.get_content_type",
		Run: func(x *X) {
			x.post("/backups", `{"backup": {"volume_id": "`+nowhere+`"}}`, with("Content-Type", "application/json; charset=utf-8")).fault(http.StatusNotFound, nowhere)
		},
	},
	{
		Name: "body-too-large", Capability: "faults", Level: Tenant,
		Rule:   "A body of more than 114688 bytes is 413.",
		Source: "oslo_middleware/sizelimit.py: max_request_body_size",
		Run: func(x *X) {
			x.post("/backups", `{"backup": {"volume_id": "`+nowhere+`", "name": "`+strings.Repeat("x", 115_000)+`"}}`).is(http.StatusRequestEntityTooLarge)
		},
	},
	{
		Name: "method-unknown", Capability: "faults", Level: Tenant,
		Rule:   "PATCH of a backup is no route: it is 404.",
		Source: "cinder/api/openstack/__init__.py:ProjectMapper",
		Run:    func(x *X) { x.call(http.MethodPatch, somewhere, `{"backup": {}}`).is(http.StatusNotFound) },
	},
}

const requestID = `^req-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`
