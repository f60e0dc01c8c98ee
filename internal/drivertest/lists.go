package drivertest

import (
	"slices"

	"cindergate/driver"
)

// three makes backups named a, b and c, in this order. b and c are of the same volume.
func three(s *suite) (a, b, c driver.Backup) {
	first, second := s.Volume(s.T, 1), s.Volume(s.T, 1)
	a = s.made(driver.BackupSpec{VolumeID: first, Name: ptr("a")})
	b = s.made(driver.BackupSpec{VolumeID: second, Name: ptr("b")})
	c = s.made(driver.BackupSpec{VolumeID: second, Name: ptr("c")})
	return a, b, c
}

func (s *suite) wantList(q driver.Query, want ...string) {
	s.Helper()
	if got := s.list(q); !slices.Equal(got, want) {
		s.Fatalf("%+v lists %v, want %v", q, got, want)
	}
}

func listPages(s *suite) {
	a, b, c := three(s)
	s.wantList(driver.Query{Limit: -1}, c.ID, b.ID, a.ID)
	s.wantList(driver.Query{Limit: 1000}, c.ID, b.ID, a.ID)
	s.wantList(driver.Query{Limit: 2}, c.ID, b.ID)
	s.wantList(driver.Query{Limit: 2, Marker: b.ID}, a.ID)
	s.wantList(driver.Query{Limit: 1, Marker: c.ID}, b.ID)
	s.wantList(driver.Query{Limit: 2, Marker: a.ID})
	s.wantList(driver.Query{Limit: 0})
}

func listSorts(s *suite) {
	a, b, c := three(s)
	s.wantList(driver.Query{Limit: -1, Sort: []driver.SortKey{{Column: "created_at"}}}, a.ID, b.ID, c.ID)
	s.wantList(driver.Query{Limit: -1, Sort: []driver.SortKey{{Column: "display_name", Desc: true}}}, c.ID, b.ID, a.ID)
	s.wantList(driver.Query{Limit: 1, Marker: a.ID, Sort: []driver.SortKey{{Column: "display_name"}}}, b.ID)
	s.wantList(driver.Query{Limit: -1, Sort: []driver.SortKey{{Column: "size"}, {Column: "display_name"}}}, a.ID, b.ID, c.ID)
}

func listFilters(s *suite) {
	a, b, c := three(s)
	filter := func(column, value string) driver.Query {
		return driver.Query{Limit: -1, Filters: []driver.Filter{{Column: column, Value: value}}}
	}
	s.wantList(filter("display_name", "b"), b.ID)
	s.wantList(filter("volume_id", c.VolumeID), c.ID, b.ID)
	s.wantList(filter("status", "available"), c.ID, b.ID, a.ID)
	s.wantList(filter("status", "error"))
	s.wantList(filter("no_such_column", "x"))
	both := filter("volume_id", c.VolumeID)
	both.Filters = append(both.Filters, driver.Filter{Column: "display_name", Value: "c"})
	s.wantList(both, c.ID)
	like := filter("volume_id", c.VolumeID)
	like.Filters = append(like.Filters, driver.Filter{Column: "display_name", Value: "C", Like: true})
	if !s.OwnProjectOnly {
		// By default Cinder allows inexact filters to admins only.
		s.Caller, like.AllProjects = s.AdminCaller, true
	}
	s.wantList(like, c.ID)
}

func listOffsetAndCount(s *suite) {
	a, b, _ := three(s)
	s.wantList(driver.Query{Limit: -1, Offset: 1}, b.ID, a.ID)
	s.wantList(driver.Query{Limit: 1, Offset: 1}, b.ID)
	s.wantList(driver.Query{Limit: 1, Offset: 9})
	page, err := s.Driver.ListBackups(s.Context(), s.Caller, driver.Query{Limit: 1, WithCount: true})
	s.ok(err)
	s.equal("count", page.Count, 3)
}

func listUnknownMarker(s *suite) {
	_, err := s.Driver.ListBackups(s.Context(), s.Caller, driver.Query{Limit: -1, Marker: unknown})
	s.want(driver.NotFound, err)
}

func listAllProjects(s *suite) {
	b := s.made(driver.BackupSpec{VolumeID: s.Volume(s.T, 1)})
	page, err := s.Driver.ListBackups(s.Context(), s.AdminCaller, driver.Query{Limit: -1, AllProjects: true})
	if s.OwnProjectOnly {
		s.want(driver.NotSupported, err)
		return
	}
	s.ok(err)
	if !slices.ContainsFunc(page.Items, func(i driver.Backup) bool { return i.ID == b.ID }) {
		s.Fatal("an admin does not see all projects' backups")
	}
	if s.AdminCaller.ProjectID == s.Caller.ProjectID {
		return
	}
	page, err = s.Driver.ListBackups(s.Context(), s.AdminCaller, driver.Query{Limit: -1})
	s.ok(err)
	s.equal("number of the admin's own backups", len(page.Items), 0)
}
