package translate

import (
	"context"
	"slices"
	"strings"

	"cindergate/driver"
)

// filterRules are the rules of one list for its filters, as in Cinder's controller of that
// list. They fill /resource_filters, refuse or drop filters that the caller may not use,
// and read the values.
type filterRules struct {
	// resource is the list's name in /resource_filters; "" if it has no entry there.
	resource string
	// advertised are the filters in /resource_filters (Cinder's
	// etc/cinder/resource_filters.json). From general on, members may use only these.
	advertised []string
	// general is the microversion from which a member's other filters are refused; 0: never
	// (process_general_filtering and reject_invalid_filters of cinder/api/common.py).
	general int
	// admins says that admins, too, may use only the filters that members may.
	admins bool
	// early are the filters that members may use below general; all others are ignored.
	// nil: every filter is applied, and an unknown one matches nothing.
	early []string
	// since maps filters to the microversion that introduced them. Below general only,
	// older requests ignore them (MV_ADDED_FILTERS of Cinder's controllers).
	since map[string]int
	// columns maps filters to database columns of another name. From general on, later
	// applies as well.
	columns, later map[string]string
	// kinds maps filters to how their values are read. plain reads the others; nil: as
	// text.
	kinds map[string]filterKind
	plain filterKind
	// allTenants reads all_tenants; nil: all_tenants is an ordinary filter.
	allTenants allTenants
}

// filterKind reads a filter's value. If it returns nil, nothing is filtered.
type filterKind func(v Version, f driver.Filter) (*driver.Filter, error)

// displayName and likeNames rename filters of volumes, snapshots and backups
// (ATTRIBUTE_CONVERTERS of cinder/api/common.py).
var (
	displayName = map[string]string{"name": "display_name"}
	likeNames   = map[string]string{"name~": "display_name~", "description~": "display_description~", "consumes_quota": "use_quota"}
)

// resourceFilters are the lists in /resource_filters, in its order.
var resourceFilters = []*filterRules{
	volumeListing.filters, backupListing.filters, snapshotListing.filters, groupListing.filters,
	groupSnapshotListing.filters, attachmentListing.filters, messageListing.filters, poolFilters, typeListing.filters,
}

// poolFilters are the rules of the list of pools. Only admins may list pools, and their
// filters are checked, too (_process_pool_filtering of
// cinder/api/contrib/scheduler_stats.py).
var poolFilters = &filterRules{
	resource: "pool", advertised: []string{"name", "volume_type"}, general: driver.MVGeneralFilters, admins: true,
}

type resourceFilter struct {
	Resource string   `json:"resource"`
	Filters  []string `json:"filters"`
}

// ListResourceFilters serves GET /resource_filters, from 3.33.
func ListResourceFilters(_ context.Context, r Request) (Response, error) {
	if !r.Version.AtLeast(driver.MVResourceFilters) {
		return Response{}, tooOld()
	}
	resource, _ := r.Query.Get("resource")
	found := []resourceFilter{}
	for _, f := range resourceFilters {
		if resource == "" || f.resource == resource {
			found = append(found, resourceFilter{f.resource, f.advertised})
		}
	}
	return ok(envelope("resource_filters", found))
}

// read adds filters to p, from the query's parameters that are not about paging or sorting.
func (f *filterRules) read(r Request, p *page, rest Query) error {
	rest, err := f.allowed(r, rest)
	if err != nil {
		return err
	}
	if value, given := rest.Get("all_tenants"); given && f.allTenants != nil {
		all, taken, err := f.allTenants(value, r.Caller.IsAdmin())
		if err != nil {
			return err
		}
		if p.AllProjects = all; taken {
			rest = rest.without("all_tenants")
		}
	}
	last := make(map[string]int, len(rest))
	for i, param := range rest {
		last[param.Key] = i
	}
	for i, param := range rest {
		// If a filter is repeated, the last one wins. But Cinder renames only one of two:
		// the other names a column that does not exist. Without all_tenants the list is
		// restricted to the caller's project, whatever a project_id filter says.
		repeated := last[param.Key] > i
		if _, renamed := f.columns[param.Key]; renamed && repeated {
			p.Filters = append(p.Filters, driver.Filter{Column: param.Key, Value: param.Value})
			continue
		}
		if repeated || param.Key == "project_id" && !p.AllProjects && f.allTenants != nil {
			continue
		}
		filter, err := f.filter(r.Version, param)
		if err != nil {
			return err
		}
		if filter != nil {
			p.Filters = append(p.Filters, *filter)
		}
	}
	return nil
}

// refuses reports whether a member's unknown filters are refused in version v.
func (f *filterRules) refuses(v Version) bool { return f.general > 0 && v.AtLeast(f.general) }

// allowed returns the parameters that the caller may filter by. The error names those that
// the caller may not use.
func (f *filterRules) allowed(r Request, rest Query) (Query, error) {
	free := r.Caller.IsAdmin() && !f.admins
	if !f.refuses(r.Version) {
		return slices.DeleteFunc(slices.Clone(rest), func(param Param) bool {
			since, gated := f.since[param.Key]
			return gated && !r.Version.AtLeast(since) || !free && f.early != nil && !slices.Contains(f.early, param.Key)
		}), nil
	}
	for _, param := range rest {
		if !isASCII(param.Key) {
			return nil, driver.Errorf(driver.InvalidInput, "Filter keys can only contain ASCII characters.")
		}
	}
	if free {
		return rest, nil
	}
	rest = rest.without("all_tenants") // clients always send it
	var odd []string
	for _, param := range rest {
		if !slices.Contains(f.advertised, param.Key) {
			odd = append(odd, param.Key)
		}
	}
	if len(odd) > 0 {
		return nil, driver.Errorf(driver.InvalidInput, "Invalid filters %s are found in query options.", strings.Join(odd, ","))
	}
	return rest, nil
}

// maxPattern is the longest pattern of a filter with ~, in bytes. The columns that such
// filters search have at most 255 characters.
const maxPattern = 1024

// filter reads one parameter; nil: it filters nothing.
func (f *filterRules) filter(v Version, param Param) (*driver.Filter, error) {
	key := param.Key
	if column, renamed := f.columns[key]; renamed {
		key = column
	}
	if column, renamed := f.later[key]; renamed && f.refuses(v) {
		key = column
	}
	column, like := strings.CutSuffix(key, "~")
	filter := driver.Filter{Column: column, Value: param.Value, Like: like}
	kind := f.kinds[column]
	switch {
	case like && column == "name" && f.later != nil:
		return nil, nil // not a column but an attribute of Cinder's models: nothing to compare with
	case like && len(param.Value) > maxPattern:
		return nothing(filter)
	case like && f.plain != nil:
		kind = literalLike
	case like:
		kind = nil
	case kind == nil:
		kind = f.plain
	}
	if kind == nil {
		return &filter, nil
	}
	return kind(v, filter)
}
