package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver/embedded"
)

func adoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adopt", Short: "Make rows for volumes and backups that the database does not know", Args: cobra.NoArgs,
		Long: `Make rows for volumes and backups that the database does not know.

It is for a database that was lost, or is older than the data. Volumes are the files
in volumes/ and lost+found/ whose name ends in an id: they get the project that is
asked for, and no name. Backups are those of the store: they have the name, the
description and the chain that their metadata says, and are available if everything
but the data itself has been found whole. Nothing that has a row is changed.

The gateway must not be running.`,
		Example: "  cindergate adopt --data DIR --project 36fb0fcb8d5e4bb5bd4b0f9a01ea5b17",
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in")
	project := cmd.Flags().String("project", "", "`id` of the project that gets the volumes and backups")
	_ = cmd.MarkFlagRequired("project")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, log, err := load(cmd, *path)
		if err != nil {
			return err
		}
		return adopt(cmd.Context(), &c, *project, log, cmd.OutOrStdout())
	}
	return cmd
}

// adopt creates the rows, and writes to out what became of each backup.
func adopt(ctx context.Context, c *config.Config, project string, log *zap.Logger, out io.Writer) error {
	if err := checkProject(project); err != nil {
		return err
	}
	if !c.Embeds() {
		return errors.New("no backend has the driver embedded: there is nothing to adopt")
	}
	count := 0
	o, err := embeddedOptions(c, log)
	if err != nil {
		return err
	}
	o.Adopt = &embedded.Adoption{ProjectID: project, Report: func(a embedded.Adopted) { count++; report(out, a) }}
	d, err := embedded.Open(ctx, o)
	if err != nil {
		return err
	}
	if count == 0 {
		fmt.Fprintln(out, "nothing was found that has no row")
	}
	return d.Close()
}

// projectID matches a project id in a path of the API (cinder/api/openstack/__init__.py).
var projectID = regexp.MustCompile(`^[0-9a-f-]+$`)

func checkProject(id string) error {
	if !projectID.MatchString(id) {
		return fmt.Errorf("the project %q is not an id of the characters 0-9, a-f and -; `openstack project list` shows them", id)
	}
	return nil
}

func report(out io.Writer, a embedded.Adopted) {
	switch {
	case a.Status == "":
		fmt.Fprintf(out, "%s %s: not adopted: %s\n", a.Kind, a.ID, a.Reason)
	case a.Reason != "":
		fmt.Fprintf(out, "%s %s: %s: %s\n", a.Kind, a.ID, a.Status, a.Reason)
	default:
		fmt.Fprintf(out, "%s %s: %s\n", a.Kind, a.ID, a.Status)
	}
}
