package core

import (
	"context"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// Current makes sure once that the rows in memory are current, for a request that reads many of
// them. The reads with the context that it returns do not ask the database again.
func (c *Core) Current(ctx context.Context) (context.Context, error) {
	ctx, err := c.DB.Current(ctx)
	return ctx, Classify(err)
}

// Visible returns the rows that the caller may see and asked for: those of its project, or
// all rows.
func Visible[R, T any](ctx context.Context, who driver.Caller, q driver.Query,
	own func(ctx context.Context, projectID string) (meta.Rows[R, T], error),
	all func(ctx context.Context) (meta.Rows[R, T], error)) (rows meta.Rows[R, T], err error) {
	if q.AllProjects && who.IsAdmin() {
		rows, err = all(ctx)
	} else {
		rows, err = own(ctx, who.ProjectID)
	}
	return rows, Classify(err)
}

// List returns a page of rows. In the default order, its cost depends on the page and on
// the rows that the filters exclude, not on the number of all rows. Any other order sorts
// all rows.
func List[R, T any](rows meta.Rows[R, T], q driver.Query, columns driver.Columns[T],
	noMarker func(string) error) (driver.Page[T], error) {
	if len(q.Sort) > 0 {
		all := make([]*T, 0, rows.Len())
		for item := range rows.All() {
			all = append(all, item)
		}
		return driver.PaginateRefs(all, columns, q, noMarker)
	}
	var page driver.Page[T]
	items := rows.All()
	if q.Marker != "" {
		marker := rows.Find(q.Marker)
		if marker == nil {
			return page, noMarker(q.Marker)
		}
		items = rows.After(marker)
	}
	page.Items = driver.Take(items, columns, q, rows.Len())
	switch {
	case !q.WithCount:
	case len(q.Filters) == 0:
		page.Count = rows.Len()
	default:
		page.Count = driver.CountMatches(rows.All(), columns, q)
	}
	return page, nil
}

// Scope returns the project whose rows the caller may list; "" for all projects. some is
// false for a caller without a project, which has no rows.
func Scope(who driver.Caller, all bool) (project string, some bool) {
	if all && who.IsAdmin() {
		return "", true
	}
	return who.ProjectID, who.ProjectID != ""
}
