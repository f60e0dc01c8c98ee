package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver/embedded"
)

func scrubCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "scrub", Short: "Read the stored backups and report the damaged ones", Args: cobra.NoArgs,
		Long: `Read the stored backups and report the damaged ones.

Each object is read and compared with its length, its MD5 and the digests of its
blocks. A damaged backup gets the status error, a fail_reason and the metadata
cindergate:damaged, and its project gets a message. Nothing is deleted. If a later
scrub that reads everything finds the damage gone, the backup is available again.

If the gateway runs, it does the work; otherwise this command does. The exit code is 1
if a backup is damaged or could not be read. The setting embedded.scrub.interval
scrubs on a schedule.`,
		Example: "  cindergate scrub --data DIR\n  cindergate scrub --config cindergate.yaml --store archive --sample 5%",
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in")
	store := cmd.Flags().String("store", "", "`name` of the backup store to read; all stores if it is not given")
	sample := cmd.Flags().String("sample", "100%", "`share` of the data objects to read, chosen at random; metadata and digests are always read")
	workers := cmd.Flags().Int("workers", 2, "`number` of chains of backups to read at once")
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object for each backup")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		share, err := config.ParseShare(*sample)
		if err != nil {
			return fmt.Errorf("--sample: %w", err)
		}
		ask := scrubRequest{Store: *store, Sample: share, Workers: *workers}
		if err := ask.check(); err != nil {
			return err
		}
		c, log, err := load(cmd, *path)
		if err != nil {
			return err
		}
		return scrub(cmd.Context(), &c, ask, log, newScrubReport(cmd.OutOrStdout(), *asJSON))
	}
	return cmd
}

// scrubRequest is what the user asks for.
type scrubRequest struct {
	Store   string  `json:"store"`  // "": all
	Sample  float64 `json:"sample"` // above 0 and up to 1
	Workers int     `json:"workers"`
}

func (r scrubRequest) check() error {
	switch {
	case !(r.Sample > 0 && r.Sample <= 1):
		return fmt.Errorf("--sample: %g is not above 0 and up to 1", r.Sample)
	case r.Workers < 1 || r.Workers > 64:
		return fmt.Errorf("--workers: %d is not from 1 to 64", r.Workers)
	}
	return nil
}

func (r scrubRequest) options(report func(embedded.Scrubbed)) embedded.ScrubOptions {
	return embedded.ScrubOptions{Store: r.Store, Sample: r.Sample, Workers: r.Workers, Report: report}
}

// scrub lets the running gateway scrub, or does it itself.
func scrub(ctx context.Context, c *config.Config, ask scrubRequest, log *zap.Logger, to *scrubReport) error {
	if !c.Embeds() {
		return errors.New("no backend has the driver embedded: there is nothing to scrub")
	}
	err := askScrub(ctx, c.Data, ask, to.add)
	if errors.Is(err, errNoGateway) {
		err = scrubHere(ctx, c, ask, log, to)
	}
	if err != nil {
		return err
	}
	return to.end()
}

func scrubHere(ctx context.Context, c *config.Config, ask scrubRequest, log *zap.Logger, to *scrubReport) error {
	d, err := openStopped(ctx, c, log)
	if err != nil {
		return err
	}
	return errors.Join(d.Scrub(ctx, ask.options(to.add)), d.Close())
}

// scrubReport prints the results of a scrub.
type scrubReport struct {
	out    io.Writer
	asJSON bool
	counts map[string]int
	bytes  int64
}

func newScrubReport(out io.Writer, asJSON bool) *scrubReport {
	return &scrubReport{out: out, asJSON: asJSON, counts: map[string]int{}}
}

func (r *scrubReport) add(s embedded.Scrubbed) {
	r.counts[s.Result]++
	r.bytes += s.Bytes
	switch {
	case r.asJSON:
		_ = json.NewEncoder(r.out).Encode(s)
	case s.Result != embedded.ScrubOK:
		fmt.Fprintf(r.out, "backup %s of project %s: %s\n", s.BackupID, s.ProjectID, strings.TrimSuffix(s.Result+": "+s.Reason, ": "))
	}
}

// end prints the sums. It returns an error if a backup is not as it should be.
func (r *scrubReport) end() error {
	bad, total := 0, 0
	for result, n := range r.counts {
		total += n
		if !slices.Contains(embedded.ScrubGood, result) {
			bad += n
		}
	}
	if !r.asJSON {
		parts := []string{"none"}
		if total > 0 {
			parts = nil
		}
		for _, result := range slices.Sorted(maps.Keys(r.counts)) {
			parts = append(parts, strconv.Itoa(r.counts[result])+" "+result)
		}
		fmt.Fprintf(r.out, "backups: %s; %.1f GiB of volumes read\n", strings.Join(parts, ", "), float64(r.bytes)/(1<<30))
	}
	if bad > 0 {
		return fmt.Errorf("damaged or unreadable backups: %d of %d", bad, total)
	}
	return nil
}
