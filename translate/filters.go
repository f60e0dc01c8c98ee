package translate

import (
	"context"
	"slices"
	"strings"

	"cindergate/driver"
)

// filterRules say what one list does with its filters, as Cinder's controller of that
// list does. The same rules fill /resource_filters, refuse or drop what a caller may
// not use, and read the values.
type filterRules struct {
	// resource is the list's name in /resource_filters, "" if it is not there.
	resource string
	// advertised are the filters that /resource_filters shows (Cinder's
	// etc/cinder/resource_filters.json), and those that members may use from general on.
	advertised []string
	// general is the microversion from which a member's other filters are refused
	// (process_general_filtering and reject_invalid_filters of cinder/api/common.py);
	// 0: they never are.
	general int
	// admins tells that admins may use no others than members.
	admins bool
	// early are the filters that members may use below general: their others are
	// ignored. nil: all are taken, and an unknown one matches nothing.
	early []string
	// since are the microversions from which filters exist; below general only, they
	// are ignored before (MV_ADDED_FILTERS of Cinder's controllers).
	since map[string]int
	// columns are the columns of filters whose names are others in the database; later
	// are those from general on.
	columns, later map[string]string
	// kinds tell how the values of filters are read; plain reads the others, nil as
	// they are.
	kinds map[string]filterKind
	plain filterKind
	// allTenants reads all_tenants; nil takes it for a filter.
	allTenants allTenants
}

// filterKind reads a filter's value. A nil filter leaves out nothing.
type filterKind func(v Version, f driver.Filter) (*driver.Filter, error)

// displayName and likeNames are the renames of volumes, snapshots and backups
// (ATTRIBUTE_CONVERTERS of cinder/api/common.py).
var (
	displayName = map[string]string{"name": "display_name"}
	likeNames   = map[string]string{"name~": "display_name~", "description~": "display_description~", "consumes_quota": "use_quota"}
)

// resourceFilters are the lists of /resource_filters, in its order.
var resourceFilters = []*filterRules{
	volumeListing.filters, backupListing.filters, snapshotListing.filters, groupListing.filters,
	groupSnapshotListing.filters, attachmentListing.filters, messageListing.filters, poolFilters, typeListing.filters,
}

// poolFilters are those of the list of pools: admins' alone, and checked for them too
// (_process_pool_filtering of cinder/api/contrib/scheduler_stats.py).
var poolFilters = &filterRules{
	resource: "pool", advertised: []string{"name", "volume_type"}, general: driver.MVGeneralFilters, admins: true,
}

type resourceFilter struct {
	Resource string   `json:"resource"`
	Filters  []string `json:"filters"`
}

// ListResourceFilters is GET /resource_filters, from 3.33.
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

// read makes p's filters of the parameters that are left of a list's query.
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
		// Of a repeated filter the last counts, but Cinder renames only one of them: the
		// other is a column that is not. Without all_tenants the project is the caller's,
		// whatever the filter says.
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

// refuses tells whether a member's unknown filters are refused at a version.
func (f *filterRules) refuses(v Version) bool { return f.general > 0 && v.AtLeast(f.general) }

// allowed returns the parameters that the caller may filter by, or an error that
// names those that it may not.
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
	rest = rest.without("all_tenants") // which clients always send
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

// maxPattern is the longest pattern of a filter with ~, in bytes. No column that is
// searched so has more than 255 characters.
const maxPattern = 1024

// filter reads one parameter.
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
		return nil, nil // no column, but an attribute of Cinder's models: nothing to compare with
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
