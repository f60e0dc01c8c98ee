package translate

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
)

var someVolumes = []driver.Volume{
	{ID: "a", Name: text1("one"), Status: "available", Size: 1, Bootable: true, Host: "h@b#p", AvailabilityZone: "nova",
		Metadata: map[string]string{"k": "v", "cinder.csi.openstack.org/cluster": "kubernetes"}, AdminMetadata: map[string]string{"readonly": "True"},
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)},
	{ID: "b", Name: text1("50%"), Status: "error", Size: 20, GroupID: "g", Host: "h@c#p", CreatedAt: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
		UpdatedAt: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), Metadata: map[string]string{"n": "1"}},
	{ID: "c", Status: "available", Size: 2, CreatedAt: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC), Metadata: map[string]string{}},
}

func text1(s string) *string { return &s }

// filtered returns the ids of the someVolumes that a list shows, oldest first, or the
// error.
func filtered(raw string, caller driver.Caller, minor int) string {
	p, err := volumeListing.list(Request{Caller: caller, Version: Version{3, minor}, Query: ParseQuery(raw)})
	if err != nil {
		return FaultOf(err).Message
	}
	p.Sort = []driver.SortKey{{Column: "created_at"}}
	found, err := driver.Paginate(someVolumes, driver.VolumeColumns, p.Query, driver.VolumeNotFound)
	if err != nil {
		return FaultOf(err).Message
	}
	var ids strings.Builder
	for i := range found.Items {
		ids.WriteString(found.Items[i].ID)
	}
	return ids.String()
}

func TestVolumeFilters(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       string
	}{
		{"metadata", "{}", "abc"},
		{"metadata", "{'k': 'v'}", "a"},
		{"metadata", "{'K': 'V'}", "a"},
		{"metadata", "{'cinder.csi.openstack.org/cluster': 'kubernetes', 'k': 'v'}", "a"},
		{"metadata", "{'k': 'v', 'n': '1'}", ""},
		{"metadata", "{'n': 1}", "b"},
		{"metadata", "{'readonly': 'True'}", "a"},
		{"metadata", "{'k': None}", ""},
		{"metadata", "{'k': 'w', 'k': 'v'}", "a"},
		{"status", "['ERROR', 1, None]", "b"},
		{"metadata", "{'k': 'v'", ""},
		{"metadata", "k", ""},
		{"status", "['available', 'error']", "abc"},
		{"status", "('error',)", "b"},
		{"status", "'error'", "b"},
		{"status", "ERROR", "b"},
		{"status", "[]", ""},
		{"status", "{}", ""},
		{"group_id", "None", "ac"},
		{"availability_zone", "None", "bc"},
		{"size", "[1, 2]", "ac"},
		{"size", "02", "c"},
		{"size", "two", ""},
		{"name", "None", ""}, // a name is never a Python literal
		{"name", "50%", "b"},
		{"bootable", "0", "bc"},
		{"bootable", "yes", "a"},
		{"bootable", "foo", "Invalid input received: 'bootable = foo'"},
		{"consumes_quota", "true", "abc"},
		{"consumes_quota", "off", ""},
		{"consumes_quota", "foo", "Value 'foo' for 'use_quota' is not a boolean."},
		{"created_at", "gt:2026-01-02T03:04:05", "abc"},
		{"created_at", "gt:2026-01-02T03:04:05.000006", "bc"},
		{"created_at", "eq:2026-01-02T03:04:05.000006Z", "a"},
		{"created_at", "gte:2026-01-03T01:00:00+01:00", "bc"},
		{"created_at", "lt:2026-01-03,gt:2026-01-03", "ac"}, // one matching bound is enough
		{"created_at", "gt:2100-01-01,gt:2026-01-03", "c"},
		{"updated_at", "neq:2026-01-01", "b"}, // NULL does not even match neq
		{"created_at", "bogus", "Invalid bogus operator"},
		{"created_at", "", "Invalid  operator"},
		{"created_at", "gt:bogus", "Invalid bogus value"},
		{"created_at", "gt", "Invalid gt value"},
		{"created_at", "gt:2026-02-30", "Invalid 2026-02-30 value"},
	} {
		raw := c.key + "=" + url.QueryEscape(c.value)
		for _, caller := range []driver.Caller{writer, root} {
			if got := filtered(raw, caller, 70); got != c.want {
				t.Errorf("%s=%s as role %d: got %s, want %s", c.key, c.value, caller.Role, got, c.want)
			}
		}
	}
}

// The microversions that change a filter, each from both sides.
func TestFilterMicroversions(t *testing.T) {
	for _, c := range []struct {
		raw    string
		caller driver.Caller
		minor  int
		want   string
	}{
		{"group_id=g", writer, 9, "abc"}, {"group_id=g", writer, 10, "b"},
		{"bootable=foo", writer, 1, "a"}, {"bootable=foo", writer, 2, "Invalid input received: 'bootable = foo'"},
		{"glance_metadata={'a':'b'}", root, 3, "abc"}, {"glance_metadata={'a':'b'}", root, 4, ""},
		{"created_at=gt:2100-01-01", writer, 30, "abc"}, {"created_at=gt:2100-01-01", writer, 31, ""}, {"created_at=gt:2100-01-01", writer, 60, ""},
		{"consumes_quota=true", writer, 30, ""}, {"consumes_quota=true", writer, 31, "abc"}, {"consumes_quota=true", root, 65, "abc"},
		{"name~=n", root, 30, "abc"}, {"name~=n", root, 34, "a"}, {"name~=%25", root, 34, "ab"}, {"name~=5_%25", root, 34, "b"},
		{"name~=n", writer, 30, "abc"}, {"name~=n", writer, 34, "Invalid filters name~ are found in query options."},
		{"name~=" + strings.Repeat("%25", 2000), root, 34, ""}, {"size~=2", root, 34, "bc"}, {"size~=[2]", root, 34, "abc"},
		{"host=h", root, 70, "ab"}, {"host=h@b", root, 70, "a"}, {"host=h@b%23p", root, 70, "a"}, {"host=H", root, 70, ""}, {"host=", root, 70, "abc"},
		{"host=h@", root, 70, ""}, {"host=h%23", root, 70, ""},
		{"all_tenants=x", root, 70, "Value 'x' for 'all_tenants' is not a boolean."}, {"all_tenants=x", writer, 70, "abc"},
		{"marker=", root, 70, "Volume  could not be found."},
	} {
		if got := filtered(c.raw, c.caller, c.minor); got != c.want {
			t.Errorf("%s as role %d at 3.%d: got %s, want %s", c.raw, c.caller.Role, c.minor, got, c.want)
		}
	}
}

// The error for an empty marker names the list's resource.
func TestEmptyMarker(t *testing.T) {
	for want, l := range map[string]*listing{
		"Volume  could not be found.": volumeListing, "Backup  could not be found.": backupListing,
		"Snapshot  could not be found.": snapshotListing, "Group  could not be found.": groupListing,
		"GroupSnapshot  could not be found.": groupSnapshotListing, "Group type  could not be found.": groupTypeListing,
		"Message  could not be found.": messageListing, "Transfer  could not be found.": transferListing,
		"Volume type  could not be found.": typeListing, "No such QoS spec .": qosListing,
		"Volume attachment could not be found with filter: attachment_id = .": attachmentListing,
	} {
		_, err := l.list(Request{Caller: root, Version: newest, Query: ParseQuery("marker=")})
		if got := FaultOf(err); got.Message != want || got.Status != 404 {
			t.Errorf("got %d %s, want %s", got.Status, got.Message, want)
		}
	}
}

// Members may use the filters that /resource_filters advertises for a list.
func TestAdvertisedFiltersWork(t *testing.T) {
	listings := map[string]*listing{
		"volume": volumeListing, "backup": backupListing, "snapshot": snapshotListing, "group": groupListing,
		"group_snapshot": groupSnapshotListing, "attachment": attachmentListing, "message": messageListing, "volume_type": typeListing,
	}
	values := map[string]string{
		"metadata": "{}", "extra_specs": "{}", "consumes_quota": "true", "bootable": "true", "is_public": "true",
		"created_at": "gt:2020-01-01", "updated_at": "gt:2020-01-01",
	}
	for _, advertised := range resourceFilters {
		l := listings[advertised.resource]
		if l == nil {
			continue // only admins may list pools
		}
		for _, filter := range advertised.advertised {
			value, known := values[filter]
			if !known {
				value = "x"
			}
			q := ParseQuery(filter + "=" + url.QueryEscape(value))
			if _, err := l.list(Request{Caller: writer, Version: newest, Query: q}); err != nil {
				t.Errorf("%s by %s: %v", advertised.resource, filter, err)
			}
			_, err := l.list(Request{Caller: writer, Version: newest, Query: append(q, Param{"odd", "1"}, Param{"all_tenants", "1"})})
			if err == nil || err.Error() != "Invalid filters odd are found in query options." {
				t.Errorf("%s by odd: %v", advertised.resource, err)
			}
		}
	}
}

func TestExtraSpecsFilter(t *testing.T) {
	types := []driver.VolumeType{
		{ID: "a", ExtraSpecs: map[string]string{"k": "v", zonesSpec: "az1, az2"}}, {ID: "b", ExtraSpecs: map[string]string{"k": "w"}},
	}
	for value, want := range map[string]string{
		"{}": "[a b]", "{'k': 'v'}": "[a]", "{'" + zonesSpec + "': 'az2'}": "[a]", "{'k': 'w', 'x': 'y'}": "[]",
		"k": "Invalid extra_specs filter [k]: a dictionary is required.",
	} {
		p, err := typeListing.list(Request{Caller: root, Version: newest, Query: Query{{"extra_specs", value}}})
		var got string
		if err == nil {
			found, err := driver.Paginate(types, typeColumns, p.Query, driver.VolumeTypeNotFound)
			ids := []string{}
			for _, vt := range found.Items {
				ids = append(ids, vt.ID)
			}
			slices.Sort(ids)
			if got = fmt.Sprint(ids); err != nil {
				got = err.Error()
			}
		} else {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}
