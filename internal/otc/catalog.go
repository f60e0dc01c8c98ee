package otc

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/catalog"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"cindergate/driver"
)

// catalogType is a catalogue type that leads to a service. If from is set, the entry
// belongs to another service: in finds this service's URL by replacing from with to.
type catalogType struct {
	name string
	from *regexp.Regexp
	to   template
}

// catalogLifetime is how long endpoints stay cached.
const catalogLifetime = 10 * time.Minute

// endpoints caches the endpoints of a caller's catalogue. They differ between projects only
// in the project's id, so one catalogue is enough.
type endpoints struct {
	mu    sync.Mutex
	known map[string]template // by catalogue type
	until time.Time
}

func (c *endpoints) get(kind *Kind, now time.Time) (template, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.until) {
		return "", false
	}
	return kind.in(c.known)
}

func (c *endpoints) set(known map[string]template, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.until = known, now.Add(catalogLifetime)
}

// in returns the service's endpoint from endpoints by catalogue type.
func (k *Kind) in(known map[string]template) (template, bool) {
	for _, t := range k.types {
		at, ok := known[t.name]
		switch {
		case !ok:
			continue
		case t.from == nil:
			return at, true
		}
		if found := t.from.FindStringIndex(string(at)); found != nil {
			return at[:found[0]] + t.to + at[found[1]:], true
		}
	}
	return "", false
}

// find looks a service up in the cached catalogue, else in the caller's own. It does not
// cache a missing service: another caller's catalogue may have it.
func (c *Cloud) find(ctx context.Context, caller driver.Caller, kind *Kind) (template, error) {
	if at, ok := c.known.get(kind, c.http.Clock().Now()); ok {
		return at, nil
	}
	known, err := c.readCatalog(ctx, caller)
	if err != nil {
		return "", err
	}
	at, ok := kind.in(known)
	if !ok {
		return "", driver.Errorf(driver.NotSupported, "The catalogue of backend %s has no %s%s.", c.o.Name, kind.Name, c.inRegion())
	}
	c.known.set(known, c.http.Clock().Now())
	return at, nil
}

func (c *Cloud) inRegion() string {
	if c.o.Region == "" {
		return ""
	}
	return " in region " + c.o.Region
}

// readCatalog reads the catalogue of the caller's token (GET /v3/auth/catalog).
func (c *Cloud) readCatalog(ctx context.Context, caller driver.Caller) (map[string]template, error) {
	if c.o.IdentityURL == "" {
		return nil, driver.Errorf(driver.Unavailable, "Backend %s is configured without an identity service that could tell its endpoints.", c.o.Name)
	}
	identity := &Service{cloud: c, kind: &identityKind}
	pages, err := catalog.List(c.http.Service(caller, "identity", c.o.IdentityURL, "")).AllPages(ctx)
	if err != nil {
		return nil, c.noCatalog(identity.classify(caller, err))
	}
	entries, err := catalog.ExtractServiceCatalog(pages)
	if err != nil {
		return nil, c.noCatalog(identity.classify(caller, err))
	}
	known := map[string]template{}
	for _, entry := range entries {
		if at, ok := c.publicEndpoint(entry); ok {
			known[entry.Type] = newTemplate(at, caller.ProjectID)
		}
	}
	return known, nil
}

// noCatalog keeps errors that concern the caller. All others become Unavailable: a wrong
// identity URL says nothing about the resource that the caller asked for.
func (c *Cloud) noCatalog(err error) error {
	switch driver.KindOf(err) {
	case driver.Unauthorized, driver.Forbidden, driver.OverLimit, driver.Unavailable, driver.Canceled:
		return err
	}
	return driver.Wrap(driver.Unavailable, err, "The identity service of backend %s does not tell its endpoints.", c.o.Name)
}

// publicEndpoint returns the first public endpoint of the region. gophercloud's own search
// is deprecated, or asks the service for its versions, which not every service here lists.
func (c *Cloud) publicEndpoint(entry tokens.CatalogEntry) (string, bool) {
	for _, e := range entry.Endpoints {
		if e.Interface == "public" && (c.o.Region == "" || e.Region == c.o.Region || e.RegionID == c.o.Region) {
			return e.URL, true
		}
	}
	return "", false
}
