package otc

import (
	"net/url"
	"slices"
	"strings"

	"cindergate/driver"
)

// volumeKeys are the keys by which EVS sorts volumes (EVS API reference, Querying Details
// About All Disks).
var volumeKeys = []string{"id", "status", "size", "created_at"}

// sorted rewrites a list's sort parameter as EVS documents it: one key, in sort_key and
// sort_dir. It leaves a query without sort unchanged. It drops later keys that Cinder adds
// by itself: created_at and id in the same direction.
func (v *Volumes) sorted(path, rawQuery string) (string, error) {
	resource, _, _ := strings.Cut(path, "/")
	isList := path == resource || path == resource+"/detail"
	query, err := url.ParseQuery(rawQuery)
	if err != nil || !isList || resource != "volumes" && resource != "snapshots" || !query.Has("sort") {
		return rawQuery, nil //nolint:nilerr // EVS says what is wrong with it
	}
	if query.Has("sort_key") || query.Has("sort_dir") {
		return "", driver.Errorf(driver.InvalidInput,
			"The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.")
	}
	parts := strings.Split(query.Get("sort"), ",")
	key, dir, err := sortPart(parts[0])
	if err != nil {
		return "", err
	}
	if resource == "volumes" && !slices.Contains(volumeKeys, key) {
		return "", v.EVS.Cannot("sorting volumes by " + key + ": EVS sorts by " + strings.Join(volumeKeys, ", "))
	}
	for _, part := range parts[1:] {
		next, also, err := sortPart(part)
		switch {
		case err != nil:
			return "", err
		case next != "created_at" && next != "id", also != dir:
			return "", v.EVS.Cannot("sorting by several keys: EVS sorts by one")
		}
	}
	query.Del("sort")
	query.Set("sort_key", key)
	query.Set("sort_dir", dir)
	return query.Encode(), nil
}

// sortPart reads key:direction. The default direction is desc (get_sort_params of
// cinder/api/common.py).
func sortPart(part string) (key, dir string, err error) {
	key, dir, _ = strings.Cut(part, ":")
	key, dir = strings.TrimSpace(key), strings.TrimSpace(dir)
	if dir == "" {
		dir = "desc"
	}
	if dir != "asc" && dir != "desc" {
		return "", "", driver.Errorf(driver.InvalidInput, "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'.")
	}
	return key, dir, nil
}
