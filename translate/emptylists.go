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

// EmptyLists maps routes that clients probe but that are always empty here to their
// operations.
var EmptyLists = map[string]Operation{
	"/clusters":                    clusters,
	"/clusters/detail":             clusters,
	"/os-volume-manage":            empty("manageable-volumes", 0, &manageableList),
	"/os-volume-manage/detail":     empty("manageable-volumes", 0, &manageableList),
	"/os-snapshot-manage":          empty("manageable-snapshots", 0, &snapshotsManaged),
	"/manageable_volumes":          empty("manageable-volumes", mvManageExisting, &manageableList),
	"/manageable_volumes/detail":   empty("manageable-volumes", mvManageExisting, &manageableList),
	"/manageable_snapshots":        empty("manageable-snapshots", mvManageExisting, &snapshotsManaged),
	"/manageable_snapshots/detail": empty("manageable-snapshots", mvManageExisting, &snapshotsManaged),
	"/consistencygroups":           empty("consistencygroups", 0, nil),
	"/consistencygroups/detail":    empty("consistencygroups", 0, nil),
	"/cgsnapshots":                 empty("cgsnapshots", 0, nil),
	"/cgsnapshots/detail":          empty("cgsnapshots", 0, nil),
}

// Filters of the list of clusters: those that there are, and those that tell of
// replication, from 3.26 on (cinder/api/v3/clusters.py).
var (
	clusterFilters            = []string{"name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"}
	clusterReplicationFilters = []string{"replication_status", "frozen", "active_backend_id"}
)

func clusters(ctx context.Context, r Request) (Response, error) {
	answer, err := empty("clusters", mvClusterSupport, &clustersList)(ctx, r)
	if err != nil {
		return answer, err
	}
	var odd []string
	for _, param := range r.Query {
		known := slices.Contains(clusterFilters, param.Key) ||
			r.Version.AtLeast(mvReplicationCluster) && slices.Contains(clusterReplicationFilters, param.Key)
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
