package verify

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Capability is something that an endpoint may offer or not.
type Capability struct {
	Name string
	// Probe asks whether the endpoint has it. It ends the case with x.notOffered if not; nil:
	// every endpoint has it.
	Probe func(*X)
}

// offer is what a probe found out.
type offer struct {
	outcome Outcome
	reason  string
}

func (o *offer) orEnd(x *X) {
	switch o.outcome {
	case NotOffered:
		x.notOffered("%s", o.reason)
	case NotTested:
		x.notTested("%s", o.reason)
	}
}

// probe finds out, once in a run, whether a capability is offered.
func (r *runner) probe(ctx context.Context, name string) (o *offer) {
	if o := r.offered[name]; o != nil {
		return o
	}
	o = &offer{}
	r.offered[name] = o
	i := slices.IndexFunc(Capabilities, func(c Capability) bool { return c.Name == name })
	if Capabilities[i].Probe == nil {
		return o
	}
	x := &X{ctx: ctx, r: r, version: r.highest()}
	defer func() {
		r.record(x.exchanges)
		switch p := recover().(type) {
		case nil, deviates: // it is there, and its cases say how it deviates
		case notOffered:
			*o = offer{NotOffered, p.reason}
		case notTested:
			delete(r.offered, name) // another case may have more time
			*o = offer{NotTested, p.reason}
		default:
			panic(p)
		}
	}()
	Capabilities[i].Probe(x)
	return o
}

// lacking are the statuses that say that an endpoint does not have what a probe asks for.
func lacking(status int) bool {
	return status == http.StatusNotFound || status == http.StatusNotImplemented || status == http.StatusForbidden
}

// reads is the probe of what can be read: the endpoint lacks it if it answers 403, 404 or 501.
func reads(path string, options ...option) func(*X) {
	return func(x *X) {
		if a := x.get(path, options...); lacking(a.e.Status) {
			x.notOffered("GET %s was answered with %s%s", path, statusText(a.e.Status), a.said())
		}
	}
}

// acts is the probe of what changes things. It asks for a change of something that does not
// exist: an endpoint that has the operation answers 404 and names the id. It lacks the operation
// if it answers 403, 501, or a 404 that does not name it.
func acts(method, path, body string, options ...option) func(*X) {
	return func(x *X) {
		var b any
		if body != "" {
			b = body
		}
		a := x.call(method, path, b, options...)
		if lacking(a.e.Status) && (a.e.Status != http.StatusNotFound || !strings.Contains(string(a.content), nowhere)) {
			x.notOffered("%s %s was answered with %s%s", method, path, statusText(a.e.Status), a.said())
		}
	}
}

// asAdmin is the option of probes that only an admin may send. Without one the capability is
// not tested.
func asAdmin(probe func(*X)) func(*X) {
	return func(x *X) {
		if x.r.login(Boss) == nil {
			x.notTested("there is no login as an admin")
		}
		probe(x)
	}
}

const somewhere = "/backups/" + nowhere

// Capabilities are all of them, in the order of reports.
var Capabilities = []Capability{
	{Name: "version document"},
	{Name: "microversions", Probe: func(x *X) {
		if x.r.max == "3.0" || x.r.max == "" {
			x.notOffered("the version document has no microversions")
		}
	}},
	{Name: "authentication"},
	{Name: "faults"},
	{Name: "request ids"},
	{Name: "health check", Probe: reads("/healthcheck", root, by(Nobody), at(""))},
	{Name: "extensions", Probe: reads("/extensions")},
	{Name: "paths without a project", Probe: reads("/backups?limit=1", withoutProject)},
	{Name: "limits", Probe: reads("/limits")},
	{Name: "quota sets", Probe: func(x *X) { reads("/os-quota-sets/" + x.project())(x) }},
	{Name: "availability zones", Probe: reads("/os-availability-zone")},
	{Name: "volume types", Probe: reads("/types")},
	{Name: "resource filters", Probe: reads("/resource_filters")},
	{Name: "messages", Probe: reads("/messages")},
	{Name: "services", Probe: asAdmin(reads("/os-services", by(Boss)))},
	{Name: "list of backups", Probe: reads("/backups?limit=1")},
	{Name: "list of backups with details", Probe: reads("/backups/detail?limit=1")},
	{Name: "show a backup", Probe: acts(http.MethodGet, somewhere, "")},
	{Name: "filters", Probe: reads("/backups?limit=1")},
	{Name: "filters of admins", Probe: asAdmin(reads("/backups?all_tenants=1&limit=1", by(Boss)))},
	{Name: "sort", Probe: reads("/backups?limit=1")},
	{Name: "pages", Probe: reads("/backups?limit=1")},
	{Name: "offset", Probe: reads("/backups?limit=1")},
	{Name: "count of a list", Probe: reads("/backups?limit=1")},
	{Name: "all projects", Probe: asAdmin(reads("/backups?all_tenants=1&limit=1", by(Boss)))},
	{Name: "tenancy", Probe: reads("/backups?limit=1")},
	{Name: "create a backup", Probe: creates("backup")},
	{Name: "incremental backup", Probe: creates("backup")},
	{Name: "backup of a snapshot", Probe: both(creates("backup"), creates("snapshot"))},
	{Name: "metadata of backups", Probe: creates("backup")},
	{Name: "availability zone of backups", Probe: creates("backup")},
	{Name: "update a backup", Probe: acts(http.MethodPut, somewhere, `{"backup": {"name": "x"}}`)},
	{Name: "delete a backup", Probe: acts(http.MethodDelete, somewhere, "")},
	{Name: "restore to a new volume", Probe: acts(http.MethodPost, somewhere+"/restore", `{"restore": {}}`)},
	{Name: "restore to a volume", Probe: acts(http.MethodPost, somewhere+"/restore", `{"restore": {"volume_id": "`+nowhere+`"}}`)},
	{Name: "volume from a backup", Probe: creates("volume")},
	{Name: "actions", Probe: func(x *X) {
		// 403 is what most of its cases want.
		if a := x.post(somewhere+"/action", `{"os-reset_status": {"status": "error"}}`); a.e.Status == http.StatusNotImplemented {
			x.notOffered("POST /backups/%s/action was answered with %s%s", nowhere, statusText(a.e.Status), a.said())
		}
	}},
	{Name: "reset the status", Probe: asAdmin(acts(http.MethodPost, somewhere+"/action", `{"os-reset_status": {"status": "error"}}`, by(Boss)))},
	{Name: "force the deletion", Probe: asAdmin(acts(http.MethodPost, somewhere+"/action", `{"os-force_delete": {}}`, by(Boss)))},
	{Name: "export a record", Probe: asAdmin(acts(http.MethodGet, somewhere+"/export_record", "", by(Boss)))},
	{Name: "import a record", Probe: asAdmin(func(x *X) {
		if a := x.post("/backups/import_record", `{"backup-record": {"backup_service": "x", "backup_url": "e30="}}`, by(Boss)); lacking(a.e.Status) {
			x.notOffered("POST /backups/import_record was answered with %s%s", statusText(a.e.Status), a.said())
		}
	})},
	{Name: "volumes", Probe: reads("/volumes?limit=1")},
	{Name: "create a volume", Probe: creates("volume")},
	{Name: "snapshots", Probe: reads("/snapshots?limit=1")},
	{Name: "create a snapshot", Probe: creates("snapshot")},
	{Name: "v2", Probe: func(x *X) {
		reads("/v2/"+x.project()+"/backups?limit=1", root, at(""))(x)
	}},
	{Name: "restore of v2", Probe: func(x *X) {
		acts(http.MethodPost, "/v2/"+x.project()+somewhere+"/restore", `{"restore": {"name": "x"}}`, root, at(""))(x)
	}},
	{Name: "Volume Backup Service", Probe: func(x *X) {
		reads("/v2/"+x.project()+"/cloudbackups/quota", native(x), at(""))(x)
	}},
	{Name: "restore of the Volume Backup Service", Probe: func(x *X) {
		reads("/v2/"+x.project()+"/cloudbackups/quota", native(x), at(""))(x)
	}},
	{Name: "bytes of full backups", Probe: (*X).probeBytes},
	{Name: "bytes of incremental backups", Probe: (*X).probeBytes},
	{Name: "bytes of chains", Probe: (*X).probeBytes},
}

// creates is the probe of what makes new things. It asks for an impossible one: the endpoint
// lacks the operation if it answers 403, 404 or 501.
func creates(what string) func(*X) {
	return func(x *X) {
		if a := x.post("/"+what+"s", `{"`+what+`": null}`); lacking(a.e.Status) {
			x.notOffered("POST /%ss was answered with %s%s", what, statusText(a.e.Status), a.said())
		}
	}
}

func both(probes ...func(*X)) func(*X) {
	return func(x *X) {
		for _, p := range probes {
			p(x)
		}
	}
}

// withoutProject leaves the project out of the path.
func withoutProject(r *request) { r.base = withoutProjectBase }

const withoutProjectBase = "v3"

// native sends a request to the API of Huawei's Volume Backup Service.
func native(x *X) option { return from(x.r.o.Native) }

// Score is how the cases of a capability ended.
type Score struct {
	Capability                              string
	Passed, Deviates, NotOffered, NotTested int
	Risk                                    bool // a deviation loses data
}

// Works reports whether the endpoint has the capability and no case deviates.
func (s Score) Works() bool { return s.Passed > 0 && s.Deviates == 0 }

// Tried reports whether a case could be tried.
func (s Score) Tried() bool { return s.Passed+s.Deviates > 0 }

func (s *Score) add(r *Result) {
	switch r.Outcome {
	case Passed:
		s.Passed++
	case Deviates:
		s.Deviates++
		s.Risk = s.Risk || r.Case.Risk
	case NotOffered:
		s.NotOffered++
	case NotTested:
		s.NotTested++
	}
}

// Capabilities returns the score of each capability of the run's cases.
func (r *Report) Capabilities() []Score {
	var all []Score
	for _, c := range Capabilities {
		s := Score{Capability: c.Name}
		for i := range r.Results {
			if r.Results[i].Case.Capability == c.Name {
				s.add(&r.Results[i])
			}
		}
		if s.Passed+s.Deviates+s.NotOffered+s.NotTested > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Cell returns the score of a capability with one role at one microversion.
func (r *Report) Cell(capability, role, microversion string) Score {
	s := Score{Capability: capability}
	for i := range r.Results {
		if c := &r.Results[i]; c.Case.Capability == capability && c.Role == role && c.Microversion == microversion {
			s.add(c)
		}
	}
	return s
}
