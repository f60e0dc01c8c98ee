package otc

import (
	"encoding/json"
	"testing"
	"time"

	"cindergate/driver"
)

type entry struct {
	Type      string             `json:"type"`
	Endpoints []catalogueAddress `json:"endpoints"`
}

type catalogueAddress struct {
	URL       string `json:"url"`
	Interface string `json:"interface"`
	Region    string `json:"region_id"`
}

func catalogue(t *testing.T, entries ...entry) []answer {
	t.Helper()
	text, err := json.Marshal(map[string]any{"catalog": entries})
	if err != nil {
		t.Fatal(err)
	}
	return []answer{{200, string(text)}}
}

func public(kind, url string) entry {
	return entry{kind, []catalogueAddress{{"https://internal.example", "internal", "eu-de"}, {"https://elsewhere.example", "public", "eu-nl"}, {url, "public", "eu-de"}}}
}

func TestEndpointsComeFromTheCatalogue(t *testing.T) {
	for _, test := range []struct {
		name    string
		kind    *Kind
		entries []entry
		want    string
	}{
		{"with version and project", &CBR, []entry{public("cbr", "https://cbr.example/v3/abc123")}, "https://cbr.example"},
		{"with version", &CBR, []entry{public("cbr", "https://cbr.example/v3/")}, "https://cbr.example"},
		{"with neither", &CBR, []entry{public("cbr", "https://cbr.example")}, "https://cbr.example"},
		{"below a path", &CBR, []entry{public("cbr", "https://all.example/cbr/v3/abc123")}, "https://all.example/cbr"},
		{"project elsewhere", &CBR, []entry{public("cbr", "https://abc123.example/v3/abc123")}, "https://abc123.example"},
		{"own type", &VBS, []entry{public("volumev2", "https://evs.example/v2/abc123"), public("vbsv2", "https://backups.example/v2/abc123")}, "https://backups.example"},
		{"neighbour of EVS", &VBS, []entry{public("volumev2", "https://evs.eu-de.example/v2/abc123")}, "https://vbs.eu-de.example"},
		{"neighbour of EVS below a path", &VBS, []entry{public("volumev2", "https://devs.example/evs/v2/abc123")}, "https://devs.example/vbs"},
		{"v2 before v3", &EVS, []entry{public("volumev3", "https://new.example/v3/abc123"), public("volumev2", "https://evs.example/v2/abc123")}, "https://evs.example"},
		{"v3 at all", &EVS, []entry{public("volumev3", "https://evs.example/v3/abc123")}, "https://evs.example"},
		{"without version in its type", &EVS, []entry{public("volume", "https://evs.example/v2/abc123")}, "https://evs.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{"GET /v3/auth/catalog": catalogue(t, test.entries...)})
			c := open(t, func(o *Options) { o.IdentityURL, o.Region = s.URL+"/v3", "eu-de" })
			at, err := c.Service(test.kind, "").Endpoint(t.Context(), member)
			if err != nil || at.String() != test.want {
				t.Errorf("%v, %v", at, err)
			}
		})
	}
}

func TestWithoutARegionTheFirstEndpointCounts(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v3/auth/catalog": catalogue(t, public("cbr", "https://cbr.example"))})
	at, err := open(t, func(o *Options) { o.IdentityURL = s.URL + "/v3" }).Service(&CBR, "").Endpoint(t.Context(), member)
	if err != nil || at.String() != "https://elsewhere.example" {
		t.Errorf("%v, %v", at, err)
	}
}

func TestTheConfiguredEndpointWins(t *testing.T) {
	for _, url := range []string{"https://x.example/evs", "https://x.example/evs/v2/", "https://x.example/evs/v2/$(project_id)s"} {
		at, err := open(t, nil).Service(&EVS, url).Endpoint(t.Context(), member)
		if err != nil || at.String() != "https://x.example/evs" {
			t.Errorf("%v, %v", at, err)
		}
	}
}

func TestOneCatalogueServesAllProjects(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v3/auth/catalog": catalogue(t, public("cbr", "https://abc123.example/v3/abc123"))})
	c := open(t, func(o *Options) { o.IdentityURL, o.Region = s.URL+"/v3", "eu-de" })
	other := member
	other.ProjectID = "def456"
	service := c.Service(&CBR, "")
	for i, caller := range []driver.Caller{member, other, member} {
		at, err := service.Endpoint(t.Context(), caller)
		if err != nil || at.String() != "https://"+caller.ProjectID+".example" {
			t.Errorf("%d: %v, %v", i, at, err)
		}
	}
	if n := s.count("GET"); n != 1 {
		t.Errorf("the catalogue was read %d times", n)
	}
	c.known.until = time.Now()
	if _, err := service.Endpoint(t.Context(), member); err != nil || s.count("GET") != 2 {
		t.Errorf("after its time it was read %d times: %v", s.count("GET"), err)
	}
}

// A service that one caller's catalogue lacks may be in another's.
func TestALackIsNotRemembered(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v3/auth/catalog": append(catalogue(t, public("volumev2", "https://evs.example")),
		catalogue(t, public("cbr", "https://cbr.example"))...)})
	c := open(t, func(o *Options) { o.IdentityURL, o.Region = s.URL+"/v3", "eu-de" })
	service := c.Service(&CBR, "")
	_, err := service.Endpoint(t.Context(), member)
	wantError(t, err, driver.NotSupported, "The catalogue of backend east has no CBR in region eu-de.")
	if at, err := service.Endpoint(t.Context(), member); err != nil || at.String() != "https://cbr.example" {
		t.Errorf("%v, %v", at, err)
	}
}

func TestNoCatalogue(t *testing.T) {
	for _, test := range []struct {
		answer  answer
		kind    driver.Kind
		message string
	}{
		{answer{401, `{"error": {"code": 401, "message": "The token has expired.", "title": "Unauthorized"}}`}, driver.Unauthorized, "The token has expired."},
		{answer{404, `{"error_code": "APIGW.0101", "error_msg": "x"}`}, driver.Unavailable, "The identity service of backend east does not tell its endpoints."},
		{answer{404, `{}`}, driver.Unavailable, "The identity service of backend east does not tell its endpoints."},
		{answer{503, `{}`}, driver.Unavailable, "identity of backend east answered with status 503."},
	} {
		s := serve(t, map[string][]answer{"GET /v3/auth/catalog": {test.answer}})
		_, err := open(t, func(o *Options) { o.IdentityURL = s.URL + "/v3" }).Service(&CBR, "").Endpoint(t.Context(), member)
		wantError(t, err, test.kind, test.message)
	}
	_, err := open(t, nil).Service(&CBR, "").Endpoint(t.Context(), member)
	wantError(t, err, driver.Unavailable, "configured without an identity service")
}
