package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const hidden = "[hidden]"

// shown are the headers whose values are recorded.
var shown = []string{
	"Accept", "Content-Length", "Content-Range", "Content-Type", "Location", "Openstack-Api-Version", "Range", "Retry-After", "User-Agent",
	"X-Compute-Request-Id", "X-Openstack-Request-Id",
}

func shownHeaders(h http.Header) map[string]string {
	all := map[string]string{}
	for name, values := range h {
		all[name] = hidden
		if slices.Contains(shown, name) {
			all[name] = strings.Join(values, ", ")
		}
	}
	return all
}

// shownParameters are the parameters of queries whose values are recorded.
var shownParameters = []string{
	"all_tenants", "availability_zone", "bootable", "created_at", "fields", "host", "id", "is_public", "limit", "marker", "metadata", "name", "nocatalog", "offset",
	"project_id", "size", "snapshot_id", "sort", "sort_dir", "sort_key", "status", "updated_at", "volume_id", "with_count",
}

func shownQuery(q url.Values) string {
	for name := range q {
		if !slices.Contains(shownParameters, strings.TrimSuffix(name, "~")) {
			q[name] = []string{hidden}
		}
	}
	return q.Encode()
}

// shownMembers are the members of JSON objects whose values are recorded if they are no objects
// and no lists. Passwords, tokens and the keys of transfers have other names.
var shownMembers = []string{
	"attach_status", "availability_zone", "backup_id", "bootable", "code", "consistencygroup_id", "container", "count", "created_at",
	"data_timestamp", "description", "details", "display_description", "display_name", "domain_id", "enabled", "encrypted", "encryption_key_id", "expires_at", "fail_reason",
	"force", "group_id", "has_dependent_backups", "host", "href", "id", "imageRef", "incremental", "is_incremental", "is_public",
	"issued_at", "message", "methods", "migration_status", "multiattach", "name", "new_size", "object_count", "progress", "project_id", "rel", "replication_status",
	"restore_volume_id", "retryAfter", "size", "snapshot_id", "source_volid", "status", "title", "updated_at", "user_id", "volume_id",
	"volume_name", "volume_type", "volume_type_id",
}

// shownBody returns a body of JSON in which the values of other members are hidden.
func shownBody(body []byte) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	if len(body) > maxBody {
		return text(fmt.Sprintf("[longer than %d bytes]", maxBody))
	}
	var value any
	if json.Unmarshal(body, &value) != nil {
		return text("[no JSON]")
	}
	masked, err := json.Marshal(mask(value, false))
	if err != nil {
		return text("[no JSON]")
	}
	return masked
}

// mask hides values. known says that the value is of a member that is shown, or an element of a
// list of one.
func mask(value any, known bool) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if name == "metadata" { // the user's own words
				continue
			}
			v[name] = mask(inner, slices.Contains(shownMembers, name))
		}
		return v
	case []any:
		for i, inner := range v {
			v[i] = mask(inner, known)
		}
		return v
	case nil, bool:
		return v
	}
	if known {
		return value
	}
	return hidden
}
