package cinder

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"cindergate/driver"
	"cindergate/internal/flight"
)

// upstream is the API version of the backend.
type upstream struct {
	major, minor int
}

// atLeast reports whether the backend has microversion 3.minor.
func (u upstream) atLeast(minor int) bool { return u.major == 3 && u.minor >= minor }

// microversion returns the version for the request header, "" for v2.
func (u upstream) microversion() string {
	if u.major != 3 {
		return ""
	}
	return "3." + strconv.Itoa(min(u.minor, driver.MaxMicroversion))
}

func (d *Driver) tooOld(what string, minor int) error {
	return driver.Errorf(driver.NotSupported, "Backend %s does not support %s: that needs microversion 3.%d.", d.o.Name, what, minor)
}

// versions caches the result of discovery. An upgrade of the upstream takes effect after
// versionsLifetime.
type versions struct {
	mu     sync.Mutex
	found  upstream
	until  time.Time
	flight flight.Group[upstream]
}

const versionsLifetime = 5 * time.Minute

func (d *Driver) version(ctx context.Context) (upstream, error) {
	d.versions.mu.Lock()
	found, fresh := d.versions.found, d.http.Clock().Now().Before(d.versions.until)
	d.versions.mu.Unlock()
	if fresh {
		return found, nil
	}
	return d.discover(ctx)
}

// discoveryTime bounds discovery, retries included.
const discoveryTime = 2 * time.Minute

// discover reads the version document at the root, which needs no token. Concurrent callers
// share one request.
func (d *Driver) discover(ctx context.Context) (upstream, error) {
	v, err := d.versions.flight.Do(ctx, "", discoveryTime, func(ctx context.Context) (upstream, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base.String()+"/", nil)
		if err != nil {
			return upstream{}, err
		}
		resp, err := d.http.To(service, "").RoundTrip(r)
		if err != nil {
			return upstream{}, d.http.Classify(err)
		}
		defer resp.Body.Close()
		var doc struct {
			Versions []struct{ ID, Version string }
		}
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusMultipleChoices {
			return upstream{}, driver.Errorf(driver.Unavailable, "Backend %s does not tell its versions: status %d.", d.o.Name, resp.StatusCode)
		}
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
			return upstream{}, d.http.Classify(err)
		}
		found := upstream{}
		for _, v := range doc.Versions {
			major, _, _ := strings.Cut(strings.TrimPrefix(v.ID, "v"), ".")
			switch major {
			case "3":
				_, minor, _ := strings.Cut(v.Version, ".")
				n, _ := strconv.Atoi(minor) // 0 if there is none
				found = upstream{3, n}
			case "2":
				if found.major < 2 {
					found = upstream{2, 0}
				}
			}
		}
		if found.major == 0 {
			return upstream{}, driver.Errorf(driver.Unavailable, "Backend %s speaks neither v3 nor v2 of the Block Storage API.", d.o.Name)
		}
		d.versions.mu.Lock()
		d.versions.found, d.versions.until = found, d.http.Clock().Now().Add(versionsLifetime)
		d.versions.mu.Unlock()
		return found, nil
	})
	return v, d.http.Classify(err)
}

var _ driver.Versioner = (*Driver)(nil)

// MaxMicroversion implements driver.Versioner.
func (d *Driver) MaxMicroversion(ctx context.Context) (int, error) {
	v, err := d.version(ctx)
	return v.minor, err
}
