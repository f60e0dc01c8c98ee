package translate

import (
	"context"
	"sort"
)

// ListAvailabilityZones serves GET /os-availability-zone.
func (t *Translator) ListAvailabilityZones(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	zones, err := cloud.AvailabilityZones(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	names := make([]string, 0, len(zones))
	for name := range zones {
		names = append(names, name)
	}
	sort.Strings(names)
	info := []map[string]any{}
	for _, name := range names {
		info = append(info, map[string]any{"zoneName": name, "zoneState": map[string]bool{"available": zones[name]}})
	}
	return ok(envelope("availabilityZoneInfo", info))
}
