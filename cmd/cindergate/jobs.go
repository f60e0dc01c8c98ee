package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/spf13/cobra"

	tenant "cindergate/internal/move/cloud"
)

// shownJob is a job in the answer to GET /jobs (docs/jobs.md).
type shownJob struct {
	ID         string `json:"id"`
	Action     string `json:"action"`
	State      string `json:"state"`
	ProjectID  string `json:"project_id"`
	BackupID   string `json:"backup_id"`
	VolumeID   string `json:"volume_id"`
	SnapshotID string `json:"snapshot_id"`
	Attempt    int    `json:"attempt"`
	CreatedAt  string `json:"created_at"`
	NotBefore  string `json:"not_before"`
	Done       *int64 `json:"done"`
	Total      *int64 `json:"total"`
	Rate       *int64 `json:"rate"`
	Remaining  *int64 `json:"remaining_seconds"`

	raw json.RawMessage // as the server sent it
}

// jobsPages bounds how many pages of jobs are asked for; the server says how many jobs a page has.
const jobsPages = 100

func jobsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "jobs", Short: "Show the jobs of a project that wait or run, and how far they are", Args: cobra.NoArgs,
		Long: `Show the jobs of a project that wait or run, and how far they are: backups, restores, copies and
deletes. A job that has ended is gone; the status of its backup or volume says how it ended.

The login is an entry of clouds.yaml: --cloud, or the variable OS_CLOUD. An admin sees the jobs of
all projects with --all-projects.`,
		Example: `  cindergate jobs --cloud demo
  cindergate jobs --cloud demo --watch
  cindergate jobs --cloud admin --all-projects --json`,
	}
	name := cmd.Flags().String("cloud", "", "`cloud` to log in to, an entry of clouds.yaml (default $OS_CLOUD)")
	all := cmd.Flags().Bool("all-projects", false, "jobs of all projects, for an admin")
	watch := cmd.Flags().Bool("watch", false, "show them every two seconds, until there is none")
	asJSON := cmd.Flags().Bool("json", false, "print JSON, one job per line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		login := cmp.Or(*name, os.Getenv("OS_CLOUD"))
		if login == "" {
			return usage(errors.New("--cloud or the variable OS_CLOUD must name an entry of clouds.yaml"))
		}
		c, err := tenant.Login(ctx, login)
		if err != nil {
			return err
		}
		show := printJobs
		if *asJSON {
			show = printJobLines
		}
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			jobs, err := jobsOf(ctx, c, *all)
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), jobs); err != nil {
				return err
			}
			if !*watch || len(jobs) == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil // ctrl-C is how it ends
			case <-tick.C:
			}
		}
	}
	return cmd
}

// jobsOf asks for all jobs of a project.
func jobsOf(ctx context.Context, c *tenant.Cloud, all bool) ([]shownJob, error) {
	var found []shownJob
	query := url.Values{}
	if all {
		query.Set("all_tenants", "1")
	}
	for range jobsPages {
		var page struct {
			Jobs  []json.RawMessage `json:"jobs"`
			Links []json.RawMessage `json:"jobs_links"` // there is a next page
		}
		err := c.Read(ctx, "jobs?"+query.Encode(), &page)
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) || gophercloud.ResponseCodeIs(err, http.StatusNotImplemented) {
			return nil, fmt.Errorf("%s shows no jobs: it is not a Cindergate with the embedded backend, or an older one", c.BlockStorage())
		}
		if err != nil {
			return nil, err
		}
		for _, raw := range page.Jobs {
			j := shownJob{raw: raw}
			if err := json.Unmarshal(raw, &j); err != nil {
				return nil, fmt.Errorf("the answer of %s: %w", c.BlockStorage(), err)
			}
			found = append(found, j)
		}
		if len(page.Links) == 0 || len(page.Jobs) == 0 {
			return found, nil
		}
		query.Set("marker", found[len(found)-1].ID)
	}
	return found, nil
}

func printJobLines(out io.Writer, jobs []shownJob) error {
	for i := range jobs {
		if _, err := fmt.Fprintf(out, "%s\n", jobs[i].raw); err != nil {
			return err
		}
	}
	return nil
}

func printJobs(out io.Writer, jobs []shownJob) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(out, "no job waits or runs")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ACTION\tOF\tSTATE\tDONE\tRATE\tLEFT\tASKED FOR")
	for i := range jobs {
		j := &jobs[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.Action, j.of(), j.state(), j.progress(), j.rate(), j.left(), j.CreatedAt)
	}
	return w.Flush()
}

// of says what a job works on.
func (j *shownJob) of() string {
	switch {
	case j.BackupID != "":
		return "backup " + j.BackupID
	case j.VolumeID != "":
		return "volume " + j.VolumeID
	case j.SnapshotID != "":
		return "snapshot " + j.SnapshotID
	}
	return ""
}

func (j *shownJob) state() string {
	switch {
	case j.NotBefore != "":
		return "retries at " + j.NotBefore
	case j.Attempt > 1:
		return fmt.Sprintf("%s, attempt %d", j.State, j.Attempt)
	}
	return j.State
}

func (j *shownJob) progress() string {
	if j.Done == nil || j.Total == nil {
		return ""
	}
	return fmt.Sprintf("%d %% of %s", *j.Done*100 / *j.Total, humanBytes(*j.Total))
}

func (j *shownJob) rate() string {
	if j.Rate == nil {
		return ""
	}
	return humanBytes(*j.Rate) + "/s"
}

func (j *shownJob) left() string {
	if j.Remaining == nil {
		return ""
	}
	return (time.Duration(*j.Remaining) * time.Second).String()
}
