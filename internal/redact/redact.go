// Package redact removes secrets from recorded requests and answers: only headers, parameters and
// members that are known to hold none keep their values. What is not known is hidden.
package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Rules say how much is hidden. Both kinds go by the same lists of names.
type Rules struct {
	// Hidden stands in the place of what is hidden.
	Hidden string
	// MaxBody is the longest body that is shown, in bytes.
	MaxBody int
	// Strict hides more, for records that others than their maker read: users' own metadata, all that
	// is inside of [sealed] members, values that errors repeat, and the queries of URLs in texts.
	Strict bool
}

// shownHeaders are the headers whose values are shown.
var shownHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Range", "Content-Type", "Location", "Openstack-Api-Version", "Range", "Retry-After", "User-Agent",
	"Vary", "Www-Authenticate", "X-Cindergate-Request-Id", "X-Compute-Request-Id", "X-Openstack-Request-Id",
}

// Headers returns all headers, with the values of those that are shown.
func (u Rules) Headers(h http.Header) map[string]string {
	all := map[string]string{}
	for name, values := range h {
		all[name] = u.Hidden
		if slices.Contains(shownHeaders, name) {
			all[name] = strings.Join(values, ", ")
			if u.Strict {
				all[name] = u.text(all[name])
			}
		}
	}
	return all
}

// shownParameters are the parameters of queries whose values are shown.
var shownParameters = []string{
	"all_tenants", "availability_zone", "bootable", "created_at", "fields", "host", "id", "is_public", "limit", "marker", "metadata", "name", "nocatalog", "offset",
	"project_id", "size", "snapshot_id", "sort", "sort_dir", "sort_key", "status", "updated_at", "volume_id", "with_count",
}

// Query returns a query without the values that are not shown. It changes q.
func (u Rules) Query(q url.Values) string {
	for name := range q {
		if !slices.Contains(shownParameters, strings.TrimSuffix(name, "~")) || u.Strict && name == "metadata" {
			q[name] = []string{u.Hidden}
		}
	}
	return q.Encode()
}

// shownMembers are the members of JSON objects whose values are shown if they are no objects
// and no lists. Passwords, tokens and the keys of transfers have other names.
var shownMembers = []string{
	"attach_status", "availability_zone", "backup_gigabytes", "backup_id", "backups", "binary", "bootable", "cluster_name", "code",
	"consistencygroup_id", "container", "count", "created_at", "data_timestamp", "description", "details", "disabled_reason", "display_description",
	"display_name", "domain_id", "enabled", "encrypted", "encryption_key_id", "expires_at", "fail_reason", "force", "gigabytes", "group_id", "groups",
	"has_dependent_backups", "host", "href", "id", "imageRef", "in_use", "incremental", "is_incremental", "is_public", "issued_at", "limit", "message",
	"methods", "migration_status", "min_version", "multiattach", "name", "new_size", "object_count", "os-backup-project-attr:project_id",
	"os-extended-snapshot-attributes:progress", "os-extended-snapshot-attributes:project_id", "os-vol-host-attr:host", "os-vol-mig-status-attr:migstat",
	"os-vol-mig-status-attr:name_id", "os-vol-tenant-attr:tenant_id", "per_volume_gigabytes", "progress", "project_id", "rel", "replication_status",
	"reserved", "restore_volume_id", "retryAfter", "service_name", "service_uuid", "size", "snapshot_id", "snapshots", "source_volid", "state",
	"status", "title", "updated_at", "user_id", "version", "volume_id", "volume_name", "volume_type", "volume_type_id", "volumes", "zone",
}

// sealed are members of which strict rules show nothing: what is inside of them goes to a hypervisor, to
// an identity service, or into another cloud, and has names that others choose.
var sealed = []string{"auth", "backup-record", "backup_record", "connection_info", "connector", "metadata", "volume_image_metadata"}

// Body returns a body of JSON in which the values of other members are hidden. It is nil without a body,
// and a JSON string that says why if nothing of the body can be shown.
func (u Rules) Body(body []byte) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	if len(body) > u.MaxBody {
		return quoted(fmt.Sprintf("[longer than %d bytes]", u.MaxBody))
	}
	var value any
	numbers := json.NewDecoder(bytes.NewReader(body))
	numbers.UseNumber() // as they were written
	if numbers.Decode(&value) != nil || numbers.More() {
		return quoted("[no JSON]")
	}
	masked, err := json.Marshal(u.mask(value, false))
	if err != nil {
		return quoted("[no JSON]")
	}
	return masked
}

func quoted(text string) json.RawMessage {
	q, _ := json.Marshal(text) // a string always has a form
	return q
}

// mask hides values. known says that the value is of a member that is shown, or an element of a
// list of one.
func (u Rules) mask(value any, known bool) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			switch {
			case u.Strict && slices.Contains(sealed, name):
				v[name] = u.seal(name, inner)
			case !u.Strict && name == "metadata": // the user's own words
			default:
				v[name] = u.mask(inner, slices.Contains(shownMembers, name))
			}
		}
		return v
	case []any:
		for i, inner := range v {
			v[i] = u.mask(inner, known)
		}
		return v
	case nil, bool:
		return v
	case string:
		if known && u.Strict {
			return u.text(v)
		}
	}
	if known {
		return value
	}
	return u.Hidden
}

// ownKeys begin the keys of metadata that Cindergate itself reads and writes. Their values are words of
// its documents.
const ownKeys = "cindergate:"

// seal hides all of a sealed member, but for Cindergate's own metadata.
func (u Rules) seal(name string, value any) any {
	members, ok := value.(map[string]any)
	if !ok || name != "metadata" {
		if value == nil {
			return nil
		}
		return u.Hidden
	}
	for key, inner := range members {
		if own, isText := inner.(string); isText && strings.HasPrefix(key, ownKeys) {
			members[key] = u.text(own)
			continue
		}
		members[key] = u.Hidden
	}
	return members
}
