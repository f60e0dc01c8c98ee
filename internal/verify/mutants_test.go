package verify_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/internal/verify"
)

const (
	member        = "X-Auth-Token"
	volumeVersion = "Openstack-Api-Version"
	nobody        = "00000000-0000-4000-8000-00000000dead"
	made          = `{"backup": {"id": "` + nobody + `", "name": "x", "links": []}}`
	madeVolume    = `{"volume": {"id": "` + nobody + `", "name": "x", "links": []}}`
)

// mutants break one rule each.
var mutants = []mutant{
	// Discovery.
	{name: "no version document", on: `^GET /$`, answer: answers(404, `{}`), breaks: "version-document"},
	{name: "version document without min_version", on: `^GET /$`, answer: remove("versions.*.min_version"), breaks: "version-document version-range"},
	{name: "v3 is supported only", on: `^GET /$`, answer: set("versions.*.status", "SUPPORTED"), breaks: "version-status"},
	{name: "updated without a zone", on: `^GET /$`, answer: set("versions.*.updated", "2022-08-31T00:00:00"), breaks: "version-updated"},
	{name: "links of versions without a slash", on: `^GET /$`, answer: text(`/v3/"`, `/v3"`), breaks: "version-link"},
	{name: "another media type", on: `^GET /$`, answer: text("vnd.openstack.volume+json", "vnd.openstack.compute+json"), breaks: "version-media-type"},
	{name: "v3 describes all versions", on: `^GET /$`, ask: func(r *http.Request, _ *string) { r.URL.Path = "/" }, breaks: "v3-document"},
	{name: "v3 without a redirect", on: `^GET /$`, answer: when(302, status(200)), breaks: "v3-redirect"},
	{name: "sick", on: `healthcheck`, answer: status(503), breaks: "health-check"},
	{name: "no token needed", on: `^GET /backups`, ask: func(r *http.Request, _ *string) { r.Header.Set(member, "token-of-the-member") }, breaks: "token-missing token-wrong token-before-route"},
	{name: "401 as a fault", on: `.`, answer: when(401, answers(401, `{"unauthorized": {"code": 401, "message": "no"}}`)), breaks: "token-error-form"},
	{name: "401 without a challenge", on: `.`, answer: when(401, header("WWW-Authenticate", "")), breaks: "token-challenge"},
	{name: "project of the URL is ignored", on: `^GET /backups$`, answer: when(400, answers(200, `{"backups": []}`)), breaks: "project-of-others"},
	{name: "paths without a project lose the list", on: `^GET /backups\?limit=1$`, answer: set("backups", nil), breaks: "path-without-project"},
	{name: "unknown backups have no id", on: `^GET /backups/` + nobody, answer: text(nobody, "x"), breaks: "path-without-project-unknown backup-unknown"},
	{name: "no extension of backups", on: `^GET /extensions$`, answer: emptied("extensions"), breaks: "extensions-list"},
	{name: "extension without an alias", on: `^GET /extensions/backups`, answer: remove("extension.alias"), breaks: "extension-backups"},
	{name: "unknown extensions exist", on: `^GET /extensions/0`, answer: answers(200, `{"extension": {}}`), breaks: "extension-unknown"},

	// Microversions.
	{name: "newest microversion by default", on: `^GET /backups\?limit=1$`, ask: func(r *http.Request, _ *string) {
		if r.Header.Get(volumeVersion) == "" {
			r.Header.Set(volumeVersion, "volume 3.70")
		}
	}, breaks: "version-default"},
	{name: "microversion is not echoed", on: `.`, answer: header(volumeVersion, ""), breaks: "version-echo version-on-faults version-default"},
	{name: "no Vary", on: `.`, answer: header("Vary", ""), breaks: "version-vary"},
	{name: "latest is unknown", on: `.`, answer: func(a *reply) {
		if a.request.Header.Get(volumeVersion) == "volume latest" {
			a.header.Set(volumeVersion, "volume latest")
		}
	}, breaks: "version-latest"},
	{name: "only one service in the header", on: `.`, ask: func(r *http.Request, _ *string) {
		if strings.Contains(r.Header.Get(volumeVersion), ",") {
			r.Header.Del(volumeVersion)
		}
	}, breaks: "version-among-services"},
	{name: "unsupported microversions are served", on: `^GET /backups\?limit=1$`, ask: func(r *http.Request, _ *string) {
		if v := r.Header.Get(volumeVersion); v == "volume 3.999" || v == "volume 2.0" {
			r.Header.Set(volumeVersion, "volume 3.70")
		}
	}, breaks: "version-too-new version-too-old version-too-new-form version-too-new-header"},
	{name: "406 as another fault", on: `.`, answer: when(406, text("computeFault", "notAcceptable")), breaks: "version-too-new-form"},
	{name: "406 names the default", on: `.`, answer: when(406, header(volumeVersion, "volume 3.0")), breaks: "version-too-new-header"},
	{name: "malformed microversions are 3.0", on: `.`, ask: func(r *http.Request, _ *string) {
		if v := r.Header.Get(volumeVersion); v == "volume 3" || v == "volume 3.01" {
			r.Header.Del(volumeVersion)
		}
	}, breaks: "version-malformed version-leading-zero"},
	{name: "microversions hide nothing", on: `^(GET /resource_filters|GET /messages|PUT /backups)`, ask: sends(volumeVersion, "volume 3.70"),
		breaks: "version-hides-filters version-hides-messages update-before update-metadata-before"},

	// Faults.
	{name: "404 is 400", on: `.`, answer: when(404, status(400)), breaks: "backup-unknown backup-no-uuid route-unknown route-slash metadata-of-backup-is-no-route method-unknown type-unknown message-unknown page-marker-unknown " +
		"create-volume-unknown create-snapshot-unknown update-unknown restore-unknown restore-volume-unknown restore-volume-unknown-with-name volume-from-backup-unknown delete-unknown " +
		"volume-unknown volume-none volume-snapshot-unknown snapshot-unknown snapshot-volume-unknown v2-unknown v2-restore-unknown v2-restore-volume-unknown reset-unknown force-delete-unknown export-unknown " +
		"other-show other-update other-delete other-restore other-backup other-volume other-snapshot extension-unknown body-charset"},
	{name: "faults without a code", on: `.`, answer: when(404, remove("itemNotFound.code")), breaks: "backup-unknown type-unknown volume-unknown"},
	{name: "no .json", on: `\.json`, answer: status(404), breaks: "route-json-suffix"},
	{name: "answers are text", on: `.`, answer: when(200, header("Content-Type", "text/plain")), breaks: "content-type accept-any"},
	{name: "faults are HTML", on: `.`, answer: when(404, header("Content-Type", "text/html")), breaks: "content-type-of-faults"},
	{name: "no request id", on: `.`, answer: header("X-Openstack-Request-Id", ""), breaks: "request-id request-id-of-faults"},
	{name: "two request ids", on: `.`, answer: header("X-Compute-Request-Id", "req-22222222-2222-4222-8222-222222222222"), breaks: "request-id-of-compute"},
	{name: "one request id for all", on: `.`, answer: header("X-Openstack-Request-Id", "req-22222222-2222-4222-8222-222222222222"), breaks: "request-id-differs"},
	{name: "request id of the client", on: `.`, answer: func(a *reply) {
		if id := a.request.Header.Get("X-Openstack-Request-Id"); id != "" {
			a.header.Set("X-Openstack-Request-Id", id)
		}
	}, breaks: "request-id-of-client"},
	{name: "broken JSON is taken for none", on: `^POST /backups$`, body: `^(\{"backup": |\[\])$`, answer: answers(202, made), breaks: "body-no-json body-no-object"},
	{name: "content types do not matter", on: `^POST /backups$`, body: `^backup$`, answer: when(415, status(400)), breaks: "body-type"},
	{name: "charset is no JSON", on: `^POST /backups$`, answer: func(a *reply) {
		if strings.Contains(a.request.Header.Get("Content-Type"), "charset") {
			a.status = 415
		}
	}, breaks: "body-charset"},
	{name: "large bodies are fine", on: `^POST /backups$`, answer: when(413, status(404)), breaks: "body-too-large"},

	// Surroundings.
	{name: "limits without backups", on: `^GET /limits`, answer: remove("limits.absolute.totalBackupsUsed"), breaks: "limits limits-count-backups"},
	{name: "limits without volumes", on: `^GET /limits`, answer: remove("limits.absolute.totalVolumesUsed"), breaks: "limits-of-volumes limits-count-volumes"},
	{name: "nothing is counted", on: `^GET /(limits|os-quota-sets)`, answer: func(a *reply) {
		set("limits.absolute.totalBackupsUsed", 0)(a)
		set("limits.absolute.totalVolumesUsed", 0)(a)
		set("quota_set.backups.in_use", 0)(a)
	}, breaks: "limits-count-backups limits-count-volumes quota-set-counts-backups"},
	{name: "quotas without backups", on: `^GET /os-quota-sets`, answer: remove("quota_set.backups"), breaks: "quota-set quota-set-usage quota-set-defaults quota-set-counts-backups"},
	{name: "quotas of all projects", on: `^GET /os-quota-sets/0`, answer: answers(200, `{"quota_set": {}}`), breaks: "quota-set-of-others"},
	{name: "zones have no state", on: `^GET /os-availability-zone`, answer: remove("availabilityZoneInfo.*.zoneState"), breaks: "availability-zones"},
	{name: "types without is_public", on: `^GET /types$`, answer: remove("volume_types.*.is_public"), breaks: "types"},
	{name: "no filters", on: `^GET /resource_filters`, answer: emptied("resource_filters"), breaks: "resource-filters resource-filters-all"},
	{name: "messages under another name", on: `^GET /messages\?`, answer: text(`"messages"`, `"notes"`), breaks: "messages"},
	{name: "services are public", on: `^GET /os-services$`, answer: when(403, status(401)), breaks: "services-of-members"},
	{name: "services have no state", on: `^GET /os-services\?`, answer: remove("services.*.state"), breaks: "services"},

	// Lists.
	{name: "lists tell more", on: `^GET /(backups|volumes|snapshots)(/detail)?\?limit=1$`, answer: set("total", 1), breaks: "list list-detail volume-list volume-list-detail snapshot-list"},
	{name: "v2 lists tell more", on: `^GET /v2/[0-9a-f]+/backups\?`, answer: set("total", 1), breaks: "v2-list"},
	{name: "elements tell more", on: `^GET /backups\?`, answer: set("backups.*.status", "available"), breaks: "list-elements"},
	{name: "details lack the status", on: `^GET /backups/detail\?`, answer: remove("backups.*.status"), breaks: "list-detail-elements filter-status"},
	{name: "volume_id is ignored", on: `^GET /backups\?`, ask: drops("volume_id"), breaks: "filter-volume-unknown filter-two count-zero"},
	{name: "lists are empty", on: `^GET /backups(/detail)?\?`, answer: emptied("backups"), breaks: "filter-volume filter-name filter-name-detail filter-status list-elements list-detail-elements sort-default page-limit page-marker page-offset page-walk admin-all-tenants admin-filter-column"},
	{name: "name is ignored", on: `^GET /backups\?`, ask: drops("name"), breaks: "filter-name filter-name-part"},
	{name: "name is ignored with details", on: `^GET /backups/detail\?`, ask: drops("name"), breaks: "filter-name-detail count-detail"},
	{name: "status is ignored", on: `^GET /backups\?`, ask: drops("status"), breaks: "filter-status-other filter-status-unknown"},
	{name: "unknown filters are ignored", on: `^GET /backups`, ask: drops("no_such_filter"), breaks: "filter-unknown filter-unknown-detail"},
	{name: "unknown filters are always refused", on: `no_such_filter`, ask: sends(volumeVersion, "volume 3.70"), breaks: "filter-unknown-before"},
	{name: "all_tenants of members is refused", on: `^GET /backups\?all_tenants=1$`, answer: status(403), breaks: "filter-all-tenants"},
	{name: "sort is ignored", on: `^GET /backups`, ask: drops("sort", "sort_key", "sort_dir"), breaks: "sort-ascending sort-old-parameters sort-display-name sort-two-keys sort-detail sort-name-before sort-key-unknown sort-direction-unknown sort-both-parameters"},
	{name: "oldest first by default", on: `^GET /backups\?volume_id=[^&]*$`, ask: asks("sort", "created_at:asc"), breaks: "sort-default filter-volume"},
	{name: "everything ascends", on: `^GET /backups\?`, ask: func(r *http.Request, _ *string) {
		r.URL.RawQuery = strings.NewReplacer("sort=created_at:desc", "sort=created_at:asc", "sort=created_at&", "sort=created_at:asc&", "sort=name:desc", "sort=name:asc").Replace(r.URL.RawQuery + "&")
		r.URL.RawQuery = strings.TrimSuffix(r.URL.RawQuery, "&")
	}, breaks: "sort-descending sort-direction-default sort-name"},
	{name: "display_name is no key", on: `sort=display_name`, answer: status(400), breaks: "sort-display-name"},
	{name: "limit is ignored", on: `^GET /backups`, ask: drops("limit"), breaks: "page-limit page-link page-link-detail page-limit-zero page-limit-negative page-limit-text page-limit-empty"},
	{name: "no links to the next page", on: `^GET /backups`, answer: remove("backups_links"), breaks: "page-link page-link-detail page-walk"},
	{name: "links lose the query", on: `^GET /backups\?`, answer: text("volume_id=", "other="), breaks: "page-link"},
	{name: "links of details lead to the short list", on: `^GET /backups/detail\?`, answer: text("/backups/detail?", "/backups?"), breaks: "page-link-detail"},
	{name: "links to nowhere", on: `limit=100`, answer: set("backups_links", []any{}), breaks: "page-no-link"},
	{name: "marker is ignored", on: `^GET /backups\?`, ask: drops("marker"), breaks: "page-marker page-marker-last page-walk page-marker-unknown"},
	{name: "offset is ignored", on: `^GET /backups\?`, ask: drops("offset"), breaks: "page-offset page-offset-negative page-offset-text"},
	{name: "beyond the last one is not found", on: `offset=1000000`, answer: status(404), breaks: "page-offset-beyond"},
	{name: "the count is that of the page", on: `with_count=True`, answer: func(a *reply) {
		edit(func(m map[string]any) { l, _ := m["backups"].([]any); m["count"] = len(l) + 7 })(a)
	}, breaks: "count count-detail count-zero"},
	{name: "there is always a count", on: `^GET /backups\?limit=1`, answer: set("count", 1), breaks: "count-unasked count-false"},
	{name: "any with_count is fine", on: `with_count=maybe`, ask: drops("with_count"), breaks: "count-malformed"},

	// Creation.
	{name: "bodies without backup are taken", on: `^POST /backups$`, body: `^\{\}$`, answer: answers(202, made), breaks: "create-without-backup"},
	{name: "no volume_id is taken", on: `^POST /backups$`, body: `^\{"backup": \{"name": "x"\}\}$`, answer: answers(202, made), breaks: "create-without-volume"},
	{name: "any volume_id is looked for", on: `^POST /backups$`, body: `no-uuid|: 7`, answer: when(400, status(404)), breaks: "create-volume-no-uuid create-volume-number create-snapshot-no-uuid create-name-number create-zone-number"},
	{name: "long words are cut", on: `^POST /backups$`, body: `x{256}`, answer: when(400, answers(202, made)), breaks: "create-name-long create-description-long create-container-long create-metadata-key-long"},
	{name: "descriptions have lines", on: `^POST /backups$`, body: `a\\nb`, answer: when(400, answers(202, made)), breaks: "create-description-lines"},
	{name: "anything is a flag", on: `^POST /backups$`, body: `maybe|"incremental": null|"force": 2`, answer: when(400, answers(202, made)), breaks: "create-incremental-text create-incremental-null create-force-number"},
	{name: "unknown properties are ignored", on: `^(POST|PUT) /backups`, body: `no_such_property|"status"`, answer: when(400, answers(202, made)), breaks: "create-property-unknown restore-property-unknown update-property-unknown"},
	{name: "properties have no microversion", on: `^POST /backups$`, ask: sends(volumeVersion, "volume 3.70"), breaks: "create-metadata-before create-zone-before"},
	{name: "anything is metadata", on: `^POST /backups$`, body: `"metadata": (\{"a": 1\}|\{"": "b"\}|\[\])`, answer: when(400, answers(202, made)), breaks: "create-metadata-number create-metadata-key-empty create-metadata-list"},
	{name: "snapshots of other volumes are fine", on: `^POST /backups$`, body: `snapshot_id": "[0-9a-f]{8}`, answer: when(400, answers(202, made)), breaks: "create-snapshot-of-other-volume"},
	{name: "incremental becomes full", on: `^POST /backups$`, body: `-orphan`, ask: rewrites(`"incremental": true`, `"incremental": false`), breaks: "create-incremental-without-full"},
	{name: "creation tells more", on: `^POST /backups$`, answer: when(202, set("backup.status", "creating")), breaks: "create-answer"},
	{name: "creation is 200", on: `^POST /backups$`, answer: when(202, status(200)), breaks: "create-answer create-words create-metadata create-zone delete delete-gone"},
	{name: "names keep their blanks", on: `^POST /backups$`, answer: text(`"name":"cindergate`, `"name":"  cindergate`), breaks: "create-words create-answer"},
	{name: "metadata is lost", on: `^POST /backups$`, ask: rewrites(`, "metadata": \{"a key": "a value"\}`, ``), breaks: "create-metadata"},
	{name: "zones do not exist", on: `^POST /backups$`, body: `availability_zone": "`, answer: status(400), breaks: "create-zone"},
	{name: "volumes stay in error", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.status", "error"), breaks: "create-volume-returns volume-show restore-by-name restore-to-larger-volume volume-from-backup"},

	// Shown backups.
	{name: "backups tell more", on: `^GET /backups/[0-9a-f-]+$`, answer: set("backup.host", "x"), breaks: "show-fields"},
	{name: "backups have no data_timestamp", on: `^GET /backups/[0-9a-f-]+$`, answer: remove("backup.data_timestamp"), breaks: "show-fields show-data-timestamp show-snapshot-data-timestamp"},
	{name: "another id", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.id", nobody), breaks: "show-id admin-shows-any"},
	{name: "no name", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.name", nil), breaks: "show-name update-name update-description"},
	{name: "no description", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.description", ""), breaks: "show-description show-no-description update-description"},
	{name: "no volume_id", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.volume_id", nil), breaks: "show-volume show-snapshot-volume"},
	{name: "size in bytes", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.size", 1<<30), breaks: "show-size"},
	{name: "another status", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.status", "active"), breaks: "show-status reset-error reset-available error-not-restored restore-of-snapshot restore-incremental error-not-exported"},
	{name: "a fail_reason", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.fail_reason", "none"), breaks: "show-fail-reason"},
	{name: "times with a zone", on: `^GET /(backups|volumes|snapshots)/[0-9a-f-]+$`, answer: func(a *reply) {
		for _, k := range []string{"backup", "volume", "snapshot"} {
			replace(k+".created_at", "2026-11-21T17:13:07.000000Z")(a)
		}
	}, breaks: "show-times volume-times snapshot-show show-data-timestamp"},
	{name: "no container", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.container", nil), breaks: "show-container"},
	{name: "no object_count", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.object_count", nil), breaks: "show-object-count"},
	{name: "everything is incremental", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.is_incremental", true), breaks: "show-full"},
	{name: "nothing is incremental", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.is_incremental", false), breaks: "show-incremental"},
	{name: "everything has dependents", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.has_dependent_backups", true), breaks: "show-no-dependents"},
	{name: "nothing has dependents", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.has_dependent_backups", false), breaks: "show-dependents"},
	{name: "another snapshot_id", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.snapshot_id", ""), breaks: "show-no-snapshot show-snapshot"},
	{name: "links without ids", on: `^GET /backups/[0-9a-f-]+$`, answer: set("backup.links.*.href", "http://127.0.0.1/v3/backups/"), breaks: "show-links"},
	{name: "metadata is null", on: `^GET /backups/[0-9a-f-]+$`, answer: replace("backup.metadata", nil), breaks: "show-metadata create-metadata update-metadata"},
	{name: "metadata at all microversions", on: `^GET /backups/[0-9a-f-]+$`, answer: set("backup.metadata", map[string]any{}), breaks: "show-no-metadata-before"},
	{name: "everybody sees the project", on: `^GET /backups/[0-9a-f-]+$`, answer: set("backup.os-backup-project-attr:project_id", "x"), breaks: "show-no-project admin-project"},
	{name: "everybody sees the user", on: `^GET /backups/[0-9a-f-]+$`, answer: set("backup.user_id", "x"), breaks: "show-no-user admin-no-user-before"},
	{name: "nobody sees the user", on: `^GET /backups/[0-9a-f-]+$`, answer: remove("backup.user_id"), breaks: "admin-user"},

	// Updates.
	{name: "updates tell more", on: `^PUT /backups/`, answer: when(200, set("backup.status", "available")), breaks: "update-answer"},
	{name: "updates are forgotten", on: `^PUT /backups/`, body: `name|description|metadata`, ask: func(_ *http.Request, body *string) { *body = `{"backup": {}}` },
		breaks: "update-name update-description update-metadata update-metadata-before update-without-backup update-name-long update-metadata-null"},
	{name: "an update of nothing is refused", on: `^PUT /backups/`, body: `\{"backup": \{\}\}`, answer: status(400), breaks: "update-nothing"},

	// Restores.
	{name: "volumes that do not exist are made", on: `/restore$`, body: `"volume_id": "` + nobody, ask: rewrites(`"volume_id": "`+nobody+`",? ?`, ``), breaks: "restore-volume-unknown restore-volume-unknown-with-name v2-restore-volume-unknown"},
	{name: "odd bodies of restores are taken", on: `/restore$`, body: `no-uuid|"volume_id": ""|x{256}|: 7|^\{\}$|"restore": "x"`, answer: when(400, status(202)),
		breaks: "restore-volume-no-uuid restore-volume-empty restore-name-long restore-name-number restore-without-restore restore-text"},
	{name: "small volumes are filled", on: `/restore$`, answer: when(400, status(202)), breaks: "restore-too-small restore-too-small-with-name error-not-restored"},
	{name: "restores tell more", on: `/restore$`, answer: when(202, set("restore.status", "restoring")), breaks: "restore-to-volume v2-restore"},
	{name: "restores are 200", on: `/restore$`, answer: when(202, status(200)), breaks: "restore-to-volume restore-to-larger-volume restore-null-name restore-busy restore-by-name restore-answer-name restore-nulls restore-null-volume " +
		"restore-incremental restore-of-snapshot v2-restore"},
	{name: "volumes are renamed by restores", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.name", "restored"), breaks: "restore-to-volume-keeps-name restore-volume-has-priority restore-by-name restore-without-target restore-null-volume volume-show volume-from-backup"},
	{name: "volume_id is ignored beside a name", on: `/restore$`, body: `"volume_id": "[^"]*", "name": "`, ask: rewrites(`"volume_id": "[^"]*", `, ``), breaks: "restore-volume-has-priority v2-restore-priority restore-too-small-with-name"},
	{name: "null is no name", on: `/restore$`, body: `null`, answer: status(400), breaks: "restore-null-name restore-nulls restore-null-volume"},
	{name: "volumes that are there are chosen by name", on: `/restore$`, body: `"name": "[^"]*-target"`, swaps: rewritesTarget, breaks: "restore-name-of-volume"},
	{name: "the size doubles", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.size", 4), breaks: "restore-by-name restore-to-larger-volume restore-of-snapshot restore-incremental volume-show volume-from-backup"},
	{name: "no name for new volumes", on: `/restore$`, answer: replace("restore.volume_name", ""), breaks: "restore-without-target restore-answer-name restore-by-name restore-nulls"},
	{name: "metadata does not come back", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.metadata", map[string]any{}), breaks: "restore-metadata restore-incremental volume-metadata"},
	{name: "descriptions do not come back", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.description", nil), breaks: "restore-description"},

	// Volumes from backups.
	{name: "any backup_id is fine", on: `^POST /volumes$`, body: `backup_id`, answer: when(400, answers(202, madeVolume)), breaks: "volume-from-backup-no-uuid volume-from-two-sources volume-from-backup-too-small"},
	{name: "backup_id is ignored", on: `^POST /volumes$`, body: `backup_id": "` + nobody, answer: answers(202, madeVolume), breaks: "volume-from-backup-unknown"},

	// Deletions.
	{name: "parents are deleted", on: `^DELETE /backups/`, answer: when(400, status(202)), breaks: "delete-with-dependents"},
	{name: "deletions answer a body", on: `^DELETE /backups/`, answer: when(202, answers(202, `{}`)), breaks: "delete"},
	{name: "deletions are 204", on: `^DELETE /(backups|volumes)/`, answer: when(202, status(204)), breaks: "delete delete-gone error-deleted volume-delete"},
	{name: "deleted backups stay", on: `^GET /backups/[0-9a-f-]+$`, answer: when(404, answers(200, `{"backup": {"status": "error"}}`)), breaks: "delete-gone error-deleted force-delete"},

	// Volumes and snapshots.
	{name: "bootable is a boolean", on: `^GET /volumes/[0-9a-f-]+$`, answer: replace("volume.bootable", false), breaks: "volume-bootable volume-show"},
	{name: "volumes are not found by name", on: `^GET /(volumes/detail|snapshots)\?`, ask: asks("name", "other"), breaks: "volume-by-name snapshot-by-name"},
	{name: "volumes keep their names", on: `^PUT /volumes/`, answer: replace("volume.name", "x"), breaks: "volume-update"},
	{name: "odd volumes are made", on: `^POST /volumes$`, body: `-refused`, answer: answers(202, madeVolume), breaks: "volume-without-size volume-size-zero volume-size-text"},
	{name: "volumes with snapshots are deleted", on: `^DELETE /volumes/`, answer: when(400, status(202)), breaks: "volume-with-snapshots"},
	{name: "snapshots without a size", on: `^GET /snapshots/[0-9a-f-]+$`, answer: replace("snapshot.size", nil), breaks: "snapshot-show"},
	{name: "snapshots without a volume", on: `^POST /snapshots$`, body: `"name": "x"`, answer: when(400, status(500)), breaks: "snapshot-without-volume"},
	{name: "snapshots stay in backing-up", on: `^GET /snapshots/[0-9a-f-]+$`, answer: replace("snapshot.status", "error"), breaks: "snapshot-available-again snapshot-show"},

	// Tenancy.
	{name: "projects see each other", on: `.`, ask: func(r *http.Request, _ *string) {
		if r.Header.Get(member) == "token-of-the-other" && r.Method == http.MethodGet {
			r.Header.Set(member, "token-of-the-member")
			r.URL.Path = strings.Replace(r.URL.Path, otherProject, testProject, 1)
		}
	}, breaks: "other-show other-list other-all-tenants other-volume other-snapshot"},
	{name: "foreign backups are 403", on: `.`, answer: func(a *reply) {
		if a.request.Header.Get(member) == "token-of-the-other" && a.status == 404 {
			answers(403, `{"forbidden": {"code": 403, "message": "no"}}`)(a)
		}
	}, breaks: "other-show other-update other-delete other-restore other-backup other-volume other-snapshot"},

	// The second version and the native API.
	{name: "v2 has a version", on: `^GET /$`, answer: text(`"version":""`, `"version":"2.0"`), breaks: "v2-document"},
	{name: "v2 names a microversion", on: `^GET /v2/`, answer: header(volumeVersion, "volume 3.0"), breaks: "v2-no-microversion"},
	{name: "v2 shows metadata", on: `^GET /v2/[0-9a-f]+/backups/[0-9a-f-]+$`, answer: when(200, set("backup.metadata", map[string]any{})), breaks: "v2-show"},
	{name: "v2 forgets the target", on: `^POST /v2/[0-9a-f]+/backups/[0-9a-f-]+/restore$`, answer: replace("restore.volume_id", nobody), breaks: "v2-restore v2-restore-priority"},
	{name: "native quota without numbers", on: `cloudbackups/quota`, answer: remove("quotas.resources.*.used"), breaks: "vbs-quota"},
	{name: "native errors as faults", on: `^(GET /v1/|POST /v2/[0-9a-f]+/cloudbackups)`, answer: func(a *reply) {
		if a.status >= 400 {
			answers(a.status, `{"badRequest": {"code": 400, "message": "no"}}`)(a)
		}
	}, breaks: "vbs-job-unknown vbs-create-malformed vbs-restore-unknown"},
	{name: "native jobs fail", on: `^GET /v1/[0-9a-f]+/jobs/`, answer: when(200, text(`"SUCCESS"`, `"FAIL"`)), breaks: "vbs-create vbs-restore"},

	// Actions and records.
	{name: "403 is 401", on: `.`, answer: when(403, status(401)), breaks: "reset-of-members force-delete-of-members export-of-members import-of-members services-of-members quota-set-of-others"},
	{name: "unknown actions are done", on: `/action$`, body: `no-such|^\{\}$`, answer: when(400, status(202)), breaks: "action-unknown action-none action-two reset-unknown-status"},
	{name: "any status is set", on: `/action$`, body: `no-such-status|"os-reset_status": \{\}`, answer: when(400, status(202)), breaks: "reset-unknown-status reset-without-status"},
	{name: "actions answer a body", on: `/action$`, answer: when(202, answers(202, `{}`)), breaks: "reset-error force-delete"},
	{name: "resets to available are refused", on: `/action$`, body: `"available"`, answer: when(202, status(400)), breaks: "reset-available"},
	{name: "backups in error are exported", on: `export_record$`, answer: when(400, status(200)), breaks: "error-not-exported"},
	{name: "exports tell more", on: `export_record$`, answer: set("backup-record.id", "x"), breaks: "export"},
	{name: "records of another service", on: `export_record$`, answer: set("backup-record.backup_service", "other.Driver"), breaks: "export-service"},
	{name: "records in another form", on: `export_record$`, answer: set("backup-record.backup_url", "e30="), breaks: "export-content import-existing import"},
	{name: "any record is imported", on: `import_record$`, answer: when(400, answers(201, made)), breaks: "import-garbage import-no-json import-without-id import-without-size import-without-url import-without-record import-existing"},
	{name: "imports are 202", on: `import_record$`, answer: when(201, status(202)), breaks: "import"},
	{name: "any all_tenants is fine", on: `all_tenants=maybe`, ask: drops("all_tenants"), breaks: "admin-all-tenants-malformed"},
	{name: "admins are refused unknown filters", on: `no_such_column`, answer: status(400), breaks: "admin-filter-unknown"},
	{name: "admins filter by known columns only", on: `size=77`, ask: drops("size"), breaks: "admin-filter-column"},
}

// dataMutants are about bytes: the proxy gives other backups than those that were asked for.
var dataMutants = []mutant{
	{name: "another backup is restored", on: `/restore$`, body: `"name": "[^"]*-restored"`, swaps: other("full"), breaks: "data-full data-chain data-chain-first"},
	{name: "nothing is overwritten", on: `/restore$`, body: `"volume_id"`, swaps: other("data-full"), breaks: "data-full-over data-zeroed-over"},
	{name: "old bytes come back in new volumes", on: `/restore$`, body: `"name": "[^"]*-restored"`, swaps: other("data-full"), breaks: "data-zeroed data-chain data-chain-middle"},
	{name: "the last backup is restored", on: `/restore$`, body: `"name": "[^"]*-restored"`, swaps: other("data-third"), breaks: "data-chain-middle data-chain-first"},
	{name: "backups are of another volume", on: `^POST /backups$`, body: `-read"`, swaps: func(p *proxy, r *http.Request, body *string) {
		*body = regexp.MustCompile(`"volume_id": "[^"]*"`).ReplaceAllString(*body, `"volume_id": "`+p.named(r, "volumes", "volume")+`"`)
	}, breaks: "data-full data-source data-chain"},
}

// other has the proxy restore another backup.
func other(word string) func(*proxy, *http.Request, *string) {
	return func(p *proxy, r *http.Request, _ *string) {
		r.URL.Path = regexp.MustCompile(`/backups/[0-9a-f-]+/`).ReplaceAllString(r.URL.Path, "/backups/"+p.named(r, "backups", word)+"/")
	}
}

// Each case fails on a mutant that breaks its rule, and passes without it: there is no case
// that cannot fail.
func TestMutants(t *testing.T) {
	all := append(slices.Clone(mutants), dataMutants...)
	broken := map[string]bool{}
	for _, m := range all {
		for _, name := range strings.Fields(m.breaks) {
			if !slices.ContainsFunc(verify.Cases(), func(c *verify.Case) bool { return c.Name == name }) {
				t.Errorf("mutant %q breaks %s, which does not exist", m.name, name)
			}
			broken[name] = true
		}
	}
	for _, c := range verify.Cases() {
		if !broken[c.Name] {
			t.Errorf("no mutant breaks %s", c.Name)
		}
	}
	if t.Failed() {
		return
	}
	queue := make(chan *mutant, len(all))
	for i := range all {
		queue <- &all[i]
	}
	close(queue)
	var workers sync.WaitGroup
	for range 4 {
		w := newMutantWorker(t)
		workers.Go(func() {
			for m := range queue {
				w.try(m)
			}
		})
	}
	workers.Wait()
}

// mutantWorker has an endpoint of its own, whose volumes and backups its runs share.
type mutantWorker struct {
	t      *testing.T
	url    string
	shared *verify.Shared
	passed map[string]bool // cases that pass without a mutant
}

func newMutantWorker(t *testing.T) *mutantWorker {
	d := newEmbedded(t)
	roomy(t, d)
	return &mutantWorker{t, serve(t, d, true).URL, verify.NewShared(), map[string]bool{}}
}

// roomy takes the quotas of the projects away.
func roomy(t testing.TB, d *embedded.Driver) {
	t.Helper()
	for _, project := range []string{testProject, otherProject, adminProject} {
		_, err := d.SetQuotas(t.Context(), driver.Caller{ProjectID: adminProject, Role: driver.Admin}, project,
			map[string]int{"volumes": -1, "gigabytes": -1, "snapshots": -1, "backups": -1, "backup_gigabytes": -1})
		must(t, err)
	}
}

func (w *mutantWorker) run(url string, names []string) *verify.Report {
	o := options(w.t, url, verify.Tenant, verify.Admin, verify.Data)
	w.shared.Share(&o)
	o.Keep = url != w.url // a mutant may not let anything be removed
	o.Select = func(c *verify.Case) bool { return slices.Contains(names, c.Name) }
	r, err := verify.Run(w.t.Context(), o)
	if err != nil {
		w.t.Errorf("%v: %v", names, err)
		return &verify.Report{}
	}
	return r
}

func (w *mutantWorker) try(m *mutant) {
	var untried []string
	names := strings.Fields(m.breaks)
	for _, n := range names {
		if !w.passed[n] {
			untried = append(untried, n)
		}
	}
	if len(untried) > 0 {
		r := w.run(w.url, untried)
		for i := range r.Results {
			if c := &r.Results[i]; c.Outcome != verify.Passed && (c.Case.Name != "restore-busy" || c.Outcome != verify.NotTested) {
				w.t.Errorf("without a mutant %s %s: %s %+v", c.Case.Name, c.Outcome, c.Reason, c.Deviation)
			}
			w.passed[r.Results[i].Case.Name] = true
		}
	}
	p := newProxy(w.t, w.url, m)
	defer p.Close()
	failed := map[string]string{}
	r := w.run(p.URL, names)
	for i := range r.Results {
		c := &r.Results[i]
		if c.Outcome == verify.Deviates {
			failed[c.Case.Name] = string(c.Outcome)
		} else if failed[c.Case.Name] == "" {
			failed[c.Case.Name] = ""
			w.t.Logf("mutant %q, case %s: %s %s", m.name, c.Case.Name, c.Outcome, c.Reason)
		}
	}
	for _, n := range names {
		if failed[n] == "" {
			w.t.Errorf("mutant %q is not found by %s", m.name, n)
		}
	}
	if p.count == 0 && len(names) > 0 {
		w.t.Errorf("mutant %q was never at work", m.name)
	}
}

// rewritesTarget has the proxy restore to the volume of the name that the body has.
func rewritesTarget(p *proxy, r *http.Request, body *string) {
	target := p.named(r, "volumes", "target")
	*body = regexp.MustCompile(`"name": "[^"]*"`).ReplaceAllString(*body, `"volume_id": "`+target+`"`)
}
