package verify

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// two are the backups that lists are compared with, from the older to the newer one, and the
// query that finds them.
func (x *X) two() (query, full, incremental string) {
	full, incremental = x.full(), x.incremental()
	return "volume_id=" + x.volume(), full, incremental
}

func listed(name, capability string, level Level, from, rule, source string, run func(*X)) Case {
	return Case{Name: name, Capability: capability, Level: level, From: from, Rule: rule, Source: source, Run: run}
}

const listSource = "cinder/api/contrib/backups.py:BackupsController._get_backups"

var listCases = []Case{
	listed("list", "list of backups", ReadOnly, "", "The list of backups has only the member backups, and the link to the next page where there is one.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		x.get("/backups?limit=1").is(http.StatusOK).keys("", []string{"backups"}, "backups_links")
	}),
	listed("list-detail", "list of backups with details", ReadOnly, "", "The list with details has only the member backups, and the link to the next page where there is one.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		x.get("/backups/detail?limit=1").is(http.StatusOK).keys("", []string{"backups"}, "backups_links")
	}),
	listed("list-elements", "list of backups", Tenant, "", "An element of the list has id, name and links, and no more.", "cinder/api/views/backups.py:ViewBuilder.summary", func(x *X) {
		full := x.full()
		a := x.get("/backups?volume_id=" + x.volume()).is(http.StatusOK)
		i := slices.Index(a.ids("backups"), full)
		x.expect(i >= 0, a, "backup "+full+" in the list", show(a.ids("backups")))
		a.keys("backups."+string(rune('0'+i)), []string{"id", "name", "links"})
	}),
	listed("list-detail-elements", "list of backups with details", Tenant, "", "An element of the list with details is the backup as it is shown.", "cinder/api/views/backups.py:ViewBuilder.detail_list", func(x *X) {
		full := x.full()
		shown := x.get("/backups/" + full).is(http.StatusOK)
		a := x.get("/backups/detail?volume_id=" + x.volume()).is(http.StatusOK)
		i := slices.Index(a.ids("backups"), full)
		x.expect(i >= 0, a, "backup "+full+" in the list", show(a.ids("backups")))
		a.equal("backups."+string(rune('0'+i)), shown.value("backup"))
	}),
}

var filterCases = []Case{
	listed("filter-volume", "filters", Tenant, "", "volume_id lists the backups of one volume, the newest first.", listSource, func(x *X) {
		query, full, incremental := x.two()
		got := x.get("/backups?" + query).is(http.StatusOK)
		ids := got.ids("backups")
		own := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id != full && id != incremental })
		x.expect(slices.Equal(own, []string{incremental, full}), got, show([]string{incremental, full}), show(ids))
	}),
	listed("filter-volume-unknown", "filters", ReadOnly, "", "A volume without backups has an empty list.", listSource, func(x *X) {
		x.get("/backups?volume_id=" + nowhere).is(http.StatusOK).wantIDs("backups")
	}),
	listed("filter-name", "filters", Tenant, "", "name lists the backups whose name is exactly that.", listSource, func(x *X) {
		_, full, _ := x.two()
		x.get("/backups?name="+url.QueryEscape(x.name("full"))).is(http.StatusOK).wantIDs("backups", full)
	}),
	listed("filter-name-part", "filters", Tenant, "", "A part of a name is no name.", "cinder/db/sqlalchemy/api.py:_process_backups_filters", func(x *X) {
		x.full()
		x.get("/backups?name=" + url.QueryEscape(strings.TrimSuffix(x.name("full"), "l"))).is(http.StatusOK).wantIDs("backups")
	}),
	listed("filter-name-detail", "filters", Tenant, "", "The list with details is filtered in the same way.", listSource, func(x *X) {
		_, full, _ := x.two()
		x.get("/backups/detail?name="+url.QueryEscape(x.name("full"))).is(http.StatusOK).wantIDs("backups", full)
	}),
	listed("filter-status", "filters", Tenant, "", "status lists the backups that have it.", listSource, func(x *X) {
		full := x.full()
		a := x.get("/backups/detail?status=available&volume_id=" + x.volume()).is(http.StatusOK)
		x.expect(slices.Contains(a.ids("backups"), full), a, "the available backup "+full, show(a.ids("backups")))
		for _, s := range a.column("backups", "status") {
			x.expect(s == `"available"`, a, "available backups only", s)
		}
	}),
	listed("filter-status-other", "filters", Tenant, "", "A backup is not listed under another status.", listSource, func(x *X) {
		x.full()
		x.get("/backups?status=error&name=" + url.QueryEscape(x.name("full"))).is(http.StatusOK).wantIDs("backups")
	}),
	listed("filter-status-unknown", "filters", ReadOnly, "", "A status that does not exist lists nothing.", listSource, func(x *X) {
		x.get("/backups?status=no-such-status").is(http.StatusOK).wantIDs("backups")
	}),
	listed("filter-two", "filters", Tenant, "", "Two filters both apply.", listSource, func(x *X) {
		x.full()
		x.get("/backups?volume_id=" + nowhere + "&name=" + url.QueryEscape(x.name("full"))).is(http.StatusOK).wantIDs("backups")
	}),
	{
		Name: "filter-unknown", Capability: "filters", Level: ReadOnly, From: "3.31", Member: true,
		Rule:   "From 3.31 on, an unknown filter is 400 for members, and the message names it.",
		Source: "cinder/api/common.py:reject_invalid_filters",
		Run:    refusesGet("/backups?no_such_filter=1", http.StatusBadRequest, "no_such_filter"),
	},
	{
		Name: "filter-unknown-detail", Capability: "filters", Level: ReadOnly, From: "3.31", Member: true,
		Rule:   "The list with details refuses an unknown filter as well.",
		Source: "cinder/api/common.py:reject_invalid_filters",
		Run:    refusesGet("/backups/detail?no_such_filter=1", http.StatusBadRequest, "no_such_filter"),
	},
	{
		Name: "filter-unknown-before", Capability: "filters", Level: ReadOnly, To: "3.30", Member: true,
		Rule:   "Before 3.31 an unknown filter is ignored for members.",
		Source: "cinder/utils.py:remove_invalid_filter_options",
		Run:    func(x *X) { x.get("/backups?limit=1&no_such_filter=1").is(http.StatusOK).list("backups") },
	},
	{
		Name: "filter-all-tenants", Capability: "filters", Level: ReadOnly, Member: true,
		Rule:   "all_tenants of a member is ignored: clients send it to find a backup by name.",
		Source: "cinder/backup/api.py:API.get_all",
		Run: func(x *X) {
			want := x.get("/backups").is(http.StatusOK)
			x.get("/backups?all_tenants=1").is(http.StatusOK).wantIDs("backups", want.ids("backups")...)
		},
	},
}

var sortCases = []Case{
	sorted("sort-default", "", "Without sort the newest backup is the first.", "cinder/api/common.py:get_sort_params", func(x *X) {
		x.wantOrder("", false)
	}),
	sorted("sort-ascending", "", "sort=created_at:asc begins with the oldest.", "cinder/api/common.py:get_sort_params", func(x *X) {
		x.wantOrder("&sort=created_at:asc", true)
	}),
	sorted("sort-descending", "", "sort=created_at:desc begins with the newest.", "cinder/api/common.py:get_sort_params", func(x *X) {
		x.wantOrder("&sort=created_at:desc", false)
	}),
	sorted("sort-direction-default", "", "A key without a direction sorts in descending order.", "cinder/api/common.py:get_sort_params", func(x *X) {
		x.wantOrder("&sort=created_at", false)
	}),
	sorted("sort-old-parameters", "", "sort_key and sort_dir work as well.", "cinder/api/common.py:get_sort_params", func(x *X) {
		x.wantOrder("&sort_key=created_at&sort_dir=asc", true)
	}),
	sorted("sort-display-name", "", "display_name is a key at all microversions.", "cinder/db/sqlalchemy/api.py:process_sort_params", func(x *X) {
		x.wantOrder("&sort=display_name:asc", true) // full < incremental
	}),
	sorted("sort-name", "3.37", "From 3.37 on, name is a key.", "cinder/api/v3/backups.py:BackupsController._convert_sort_name", func(x *X) {
		x.wantOrder("&sort=name:desc", false)
	}),
	sorted("sort-two-keys", "", "The second key orders what is equal by the first.", "cinder/db/sqlalchemy/api.py:process_sort_params", func(x *X) {
		x.wantOrder("&sort=size:asc,created_at:asc", true)
	}),
	sorted("sort-detail", "", "The list with details has the same order.", listSource, func(x *X) {
		query, full, incremental := x.two()
		a := x.get("/backups/detail?" + query + "&sort=created_at:asc").is(http.StatusOK)
		x.inOrder(a, full, incremental)
	}),
	{
		Name: "sort-name-before", Capability: "sort", Level: ReadOnly, To: "3.36",
		Rule:   "Before 3.37 name is no key: it is 400.",
		Source: "cinder/api/v3/backups.py:BackupsController._convert_sort_name",
		Run:    refusesGet("/backups?sort=name:asc", http.StatusBadRequest),
	},
	listed("sort-key-unknown", "sort", ReadOnly, "", "An unknown key is 400.", "cinder/db/sqlalchemy/api.py:process_sort_params", refusesGet("/backups?sort=no_such_key:asc", http.StatusBadRequest, "sort")),
	listed("sort-direction-unknown", "sort", ReadOnly, "", "An unknown direction is 400.", "cinder/db/sqlalchemy/api.py:process_sort_params", refusesGet("/backups?sort=created_at:sideways", http.StatusBadRequest, "direction")),
	listed("sort-both-parameters", "sort", ReadOnly, "", "sort together with sort_key is 400.", "cinder/api/common.py:get_sort_params", refusesGet("/backups?sort=created_at&sort_key=created_at", http.StatusBadRequest, "sort_key")),
}

func sorted(name, from, rule, source string, run func(*X)) Case {
	return listed(name, "sort", Tenant, from, rule, source, run)
}

// wantOrder wants the full backup before or after the incremental one.
func (x *X) wantOrder(sort string, oldestFirst bool) {
	query, full, incremental := x.two()
	a := x.get("/backups?" + query + sort).is(http.StatusOK)
	if oldestFirst {
		x.inOrder(a, full, incremental)
	} else {
		x.inOrder(a, incremental, full)
	}
}

// inOrder wants the given backups in a list in this order, perhaps with others between them.
func (x *X) inOrder(a *answer, want ...string) {
	ids := slices.DeleteFunc(a.ids("backups"), func(id string) bool { return !slices.Contains(want, id) })
	x.expect(slices.Equal(ids, want), a, show(want), show(ids))
}

var pageCases = []Case{
	paged("page-limit", "limit bounds the number of elements.", "cinder/api/common.py:_get_limit_param", func(x *X) {
		query, _, _ := x.two()
		a := x.get("/backups?limit=1&" + query).is(http.StatusOK)
		x.expect(len(a.list("backups")) == 1, a, "1 element", show(a.ids("backups")))
	}),
	paged("page-link", "A page that is full has a link to the next one, which repeats the query.", "cinder/api/common.py:ViewBuilder._get_collection_links", func(x *X) {
		query, _, _ := x.two()
		a := x.get("/backups?limit=1&" + query).is(http.StatusOK)
		a.equal("backups_links.0.rel", "next")
		next, err := url.Parse(a.str("backups_links.0.href"))
		x.expect(err == nil, a, "a URL", a.str("backups_links.0.href"))
		want := url.Values{"limit": {"1"}, "volume_id": {x.volume()}, "marker": a.ids("backups")}
		x.expect(next.Query().Encode() == want.Encode(), a, "the query "+want.Encode(), next.Query().Encode())
		x.expect(strings.HasSuffix(next.Path, "/backups"), a, "the path of the list", next.Path)
	}),
	paged("page-link-detail", "The link of the list with details leads to the list with details.", "cinder/api/common.py:ViewBuilder._generate_next_link", func(x *X) {
		query, _, _ := x.two()
		a := x.get("/backups/detail?limit=1&" + query).is(http.StatusOK)
		a.matches("backups_links.0.href", `/backups/detail\?`, "a URL of /backups/detail")
	}),
	paged("page-no-link", "A page that is not full has no link.", "cinder/api/common.py:ViewBuilder._get_collection_links", func(x *X) {
		query, _, _ := x.two()
		x.get("/backups?limit=100&"+query).is(http.StatusOK).absent("", "backups_links")
	}),
	paged("page-marker", "marker begins after the backup that it names.", "cinder/api/common.py:_get_marker_param", func(x *X) {
		query, full, incremental := x.two()
		x.get("/backups?sort=created_at:asc&limit=1&"+query+"&marker="+full).is(http.StatusOK).wantIDs("backups", x.after(full, incremental))
	}),
	paged("page-marker-last", "After the last backup there is none.", "cinder/api/common.py:_get_marker_param", func(x *X) {
		query, full, _ := x.two()
		x.get("/backups?sort=created_at:desc&" + query + "&marker=" + full).is(http.StatusOK).wantIDs("backups")
	}),
	paged("page-walk", "Pages of one element that are followed by their links have each backup once.", "cinder/api/common.py:ViewBuilder._get_collection_links", func(x *X) {
		query, full, incremental := x.two()
		var walked []string
		a := x.get("/backups?sort=created_at:asc&limit=1&" + query).is(http.StatusOK)
		for range 10 {
			walked = append(walked, a.ids("backups")...)
			href, ok := a.value("backups_links.0.href").(string)
			if !ok {
				break
			}
			next, err := url.Parse(href)
			x.expect(err == nil, a, "a URL", href)
			a = x.get("/backups?" + next.RawQuery).is(http.StatusOK)
		}
		whole := x.get("/backups?sort=created_at:asc&" + query).is(http.StatusOK)
		x.expect(slices.Equal(walked, whole.ids("backups")) && slices.Contains(walked, full) && slices.Contains(walked, incremental), a, show(whole.ids("backups")), show(walked))
	}),
	listed("page-limit-zero", "pages", ReadOnly, "", "limit=0 lists nothing.", "cinder/api/common.py:_get_limit_param", func(x *X) {
		x.get("/backups?limit=0").is(http.StatusOK).wantIDs("backups")
	}),
	listed("page-limit-negative", "pages", ReadOnly, "", "A negative limit is 400.", "cinder/api/common.py:_get_limit_param", refusesGet("/backups?limit=-1", http.StatusBadRequest, "limit")),
	listed("page-limit-text", "pages", ReadOnly, "", "A limit that is no number is 400.", "cinder/api/common.py:_get_limit_param", refusesGet("/backups?limit=many", http.StatusBadRequest, "limit")),
	listed("page-limit-empty", "pages", ReadOnly, "", "An empty limit is 400.", "cinder/api/common.py:_get_limit_param", refusesGet("/backups?limit=", http.StatusBadRequest, "limit")),
	listed("page-marker-unknown", "pages", ReadOnly, "", "A marker that is no backup is 404.", "cinder/db/sqlalchemy/api.py:_backup_get", refusesGet("/backups?marker="+nowhere, http.StatusNotFound, nowhere)),
	listed("page-offset", "offset", Tenant, "", "offset leaves out the first backups: Horizon pages by it.", "cinder/api/common.py:_get_offset_param", func(x *X) {
		query, full, incremental := x.two()
		x.get("/backups?sort=created_at:asc&offset=1&limit=1&"+query).is(http.StatusOK).wantIDs("backups", x.after(full, incremental))
	}),
	listed("page-offset-beyond", "offset", ReadOnly, "", "Beyond the last backup there is none.", "cinder/api/common.py:_get_offset_param", func(x *X) {
		x.get("/backups?offset=1000000").is(http.StatusOK).wantIDs("backups")
	}),
	listed("page-offset-negative", "offset", ReadOnly, "", "A negative offset is 400.", "cinder/api/common.py:_get_offset_param", refusesGet("/backups?offset=-1", http.StatusBadRequest, "offset")),
	listed("page-offset-text", "offset", ReadOnly, "", "An offset that is no number is 400.", "cinder/api/common.py:_get_offset_param", refusesGet("/backups?offset=many", http.StatusBadRequest, "offset")),
	listed("count", "count of a list", Tenant, "3.45", "with_count counts all that the filters find, not only the page.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		query, _, _ := x.two()
		all := len(x.get("/backups?" + query).is(http.StatusOK).list("backups"))
		x.get("/backups?with_count=True&limit=1&"+query).is(http.StatusOK).equal("count", all)
	}),
	listed("count-detail", "count of a list", Tenant, "3.45", "The list with details counts as well.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		x.two()
		x.get("/backups/detail?with_count=True&name="+url.QueryEscape(x.name("full"))).is(http.StatusOK).equal("count", 1)
	}),
	listed("count-zero", "count of a list", ReadOnly, "3.45", "The count of nothing is 0.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		x.get("/backups?with_count=True&volume_id="+nowhere).is(http.StatusOK).equal("count", 0)
	}),
	listed("count-unasked", "count of a list", ReadOnly, "3.45", "Without with_count there is no count.", "cinder/api/views/backups.py:ViewBuilder._list_view", func(x *X) {
		x.get("/backups?limit=1").is(http.StatusOK).absent("", "count")
	}),
	listed("count-false", "count of a list", ReadOnly, "3.45", "with_count=False counts nothing.", "cinder/utils.py:get_bool_param", func(x *X) {
		x.get("/backups?limit=1&with_count=False").is(http.StatusOK).absent("", "count")
	}),
	listed("count-malformed", "count of a list", ReadOnly, "3.45", "A with_count that is no boolean is 400.", "cinder/utils.py:get_bool_param", refusesGet("/backups?with_count=maybe", http.StatusBadRequest, "with_count")),
}

func paged(name, rule, source string, run func(*X)) Case {
	return listed(name, "pages", Tenant, "", rule, source, run)
}

// after is the backup that follows the full one, from the oldest to the newest.
func (x *X) after(full, incremental string) string {
	a := x.get("/backups?sort=created_at:asc&volume_id=" + x.volume()).is(http.StatusOK)
	ids := a.ids("backups")
	i := slices.Index(ids, full)
	x.expect(i >= 0 && i+1 < len(ids), a, "the backups "+full+" and "+incremental, show(ids))
	return ids[i+1]
}
