package translate

import (
	"context"
	"slices"
	"strings"

	"cindergate/driver"
)

// Policies of lists that are always empty here (cinder/policies/clusters.py,
// manageable_volumes.py, manageable_snapshots.py).
var (
	clustersList     = Policy{"clusters:get_all", driver.Admin}
	manageableList   = Policy{"volume_extension:list_manageable", driver.Admin}
	snapshotsManaged = Policy{"snapshot_extension:list_manageable", driver.Admin}
)

// Filters of the list of clusters: the basic ones, and those about replication, which exist
// from 3.26 on (cinder/api/v3/clusters.py).
var (
	clusterFilters            = []string{"name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"}
	clusterReplicationFilters = []string{"replication_status", "frozen", "active_backend_id"}
)

func clusters(ctx context.Context, r Request) (Response, error) {
	answer, err := empty("clusters", driver.MVClusterSupport, &clustersList)(ctx, r)
	if err != nil {
		return answer, err
	}
	var odd []string
	for _, param := range r.Query {
		known := slices.Contains(clusterFilters, param.Key) ||
			r.Version.AtLeast(driver.MVReplicationCluster) && slices.Contains(clusterReplicationFilters, param.Key)
		if !known {
			odd = append(odd, param.Key)
		}
	}
	if len(odd) > 0 {
		slices.Sort(odd)
		odd = slices.Compact(odd)
		return Response{}, driver.Errorf(driver.InvalidInput, "Invalid input received: Invalid filter keys: %s", strings.Join(odd, ", "))
	}
	for _, key := range []string{"disabled", "is_up"} {
		if _, err := r.Query.boolean(key); err != nil {
			return Response{}, err
		}
	}
	return answer, nil
}

func empty(name string, since int, p *Policy) Operation {
	return func(_ context.Context, r Request) (Response, error) {
		if since > 0 && !r.Version.AtLeast(since) {
			return Response{}, tooOld()
		}
		if p != nil {
			if err := r.Allow(*p); err != nil {
				return Response{}, err
			}
		}
		return ok(envelope(name, []any{}))
	}
}
