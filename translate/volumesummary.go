package translate

import (
	"context"

	"cindergate/driver"
)

// SummarizeVolumes serves GET /volumes/summary, from 3.12.
func (t *Translator) SummarizeVolumes(ctx context.Context, r Request) (Response, error) {
	if !r.Version.AtLeast(driver.MVVolumeSummary) {
		return Response{}, tooOld()
	}
	summarize, err := t.summarizer()
	if err != nil {
		return Response{}, err
	}
	// The only filter is all_tenants (get_volume_summary of cinder/volume/api.py).
	q := driver.Query{Limit: -1}
	if r.Caller.IsAdmin() {
		if q.AllProjects, err = r.Query.boolean("all_tenants"); err != nil {
			return Response{}, err
		}
	}
	sum, err := summarize(ctx, r.Caller, q)
	if err != nil {
		return Response{}, err
	}
	summary := map[string]any{"total_count": sum.Count, "total_size": sum.Size}
	if r.Version.AtLeast(driver.MVVolumeSummaryMeta) {
		summary["metadata"] = sum.Metadata
	}
	return ok(envelope("volume-summary", summary))
}

// summarizer returns the function that summarizes the backend's volumes.
func (t *Translator) summarizer() (func(context.Context, driver.Caller, driver.Query) (driver.VolumeSummary, error), error) {
	if s, sums := t.driver.(driver.VolumeSummarizer); sums {
		return s.SummarizeVolumes, nil
	}
	volumes, err := t.volumeLister()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, caller driver.Caller, q driver.Query) (driver.VolumeSummary, error) {
		q.Limit = -1
		found, err := volumes.ListVolumes(ctx, caller, q)
		return driver.Summarize(found.Items), err
	}, nil
}
