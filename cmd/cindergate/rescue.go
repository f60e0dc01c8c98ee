package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver/embedded"
)

func rescueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rescue", Short: "Rebuild the catalogue of backups from what lies in a store", Args: cobra.NoArgs,
		Long: `Rebuild the catalogue of backups from what lies in a store.

It is for a data directory that was lost while the backups are in a store elsewhere.
Each backup gets its name, its description, its place in the chain, and the project
that owned its volume, all of which its objects say. It is available if everything but
the data itself has been found whole; cindergate scrub reads the data, too. Metadata of
backups is lost. Objects, and backups that the database knows, are not changed.

cindergate adopt does this for a data directory that has lost only its database.
The gateway must not be running.`,
		Example: "  cindergate rescue --config cindergate.yaml --store archive\n  cindergate rescue --config cindergate.yaml --store archive:nightly --project 36fb0fcb8d5e4bb5bd4b0f9a01ea5b17",
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything else is kept in")
	store := cmd.Flags().String("store", "", "`name` of a store of the configuration, or NAME:CONTAINER")
	project := cmd.Flags().String("project", "", "`id` of the project that gets all backups, instead of the project of each")
	_ = cmd.MarkFlagRequired("store")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, log, err := load(cmd, *path)
		if err != nil {
			return err
		}
		return rescue(cmd.Context(), &c, *store, *project, log, cmd.OutOrStdout())
	}
	return cmd
}

// rescue creates the rows, and writes to out what became of each backup.
func rescue(ctx context.Context, c *config.Config, store, project string, log *zap.Logger, out io.Writer) error {
	if project != "" {
		if err := checkProject(project); err != nil {
			return err
		}
	}
	if !c.Embeds() {
		return errors.New("no backend has the driver embedded: there is nothing to rescue")
	}
	d, err := openStopped(ctx, c, log)
	if err != nil {
		return err
	}
	count := 0
	err = d.Rescue(ctx, embedded.Rescue{Store: store, ProjectID: project, Report: func(a embedded.Adopted) { count++; report(out, a) }})
	if err == nil && count == 0 {
		fmt.Fprintln(out, "nothing was found that has no row")
	}
	return errors.Join(err, d.Close())
}
