package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"cindergate/config"
	"cindergate/driver/embedded"
	"cindergate/identity/accounts"
	"cindergate/internal/database"
	"cindergate/internal/schedule"
)

func databaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "db", Short: "Move an installation between SQLite and PostgreSQL",
		Example: "  cindergate db copy --from DIR/cindergate.db --to postgres://cindergate@db.example.com/cindergate",
	}
	cmd.AddCommand(copyDatabaseCommand())
	return cmd
}

func copyDatabaseCommand() *cobra.Command {
	o := embedded.DatabaseCopy{}
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy all rows to a new database", Args: cobra.NoArgs,
		Long: `Copy all rows to a new database: from the file of a data directory to PostgreSQL, or back.

Projects, users and tokens of the built-in identity service (identity.db beside the file), and
the runs of policies at remote backends (schedules.db), are copied as well. Nothing is changed in the database that is copied. The gateway must not be
running. Afterwards the gateway is started on the same data directory, with the other database
in its configuration.

The password of PostgreSQL may be in $PGPASSWORD or in ~/.pgpass instead of the URL.`,
		Example: `  cindergate db copy --from DIR/cindergate.db --to postgres://cindergate@db.example.com/cindergate
  cindergate db copy --from postgres://cindergate@db.example.com/cindergate --to DIR/cindergate.db`,
		RunE: func(cmd *cobra.Command, _ []string) error { return copyDatabase(cmd.Context(), o, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&o.From, "from", "", "`database` to copy from: a file, or postgres://…")
	cmd.Flags().StringVar(&o.To, "to", "", "new `database`: a file, or postgres://…")
	cmd.Flags().StringVar(&o.Host, "host", config.DefaultHost, "`name` of the gateway that has the data directory, embedded.host")
	cmd.Flags().StringVar(&o.LocalStore, "local-store", "", "`name` that the store in the data directory has in the configuration for PostgreSQL")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func copyDatabase(ctx context.Context, o embedded.DatabaseCopy, out io.Writer) error {
	if database.IsPostgres(o.From) == database.IsPostgres(o.To) {
		return errors.New("one of --from and --to must be a file, and the other one postgres://…")
	}
	people, err := accounts.Copy(ctx, beside(o.From, accountsFile), beside(o.To, accountsFile))
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	followed, err := schedule.Copy(ctx, beside(o.From, schedulesFile), beside(o.To, schedulesFile))
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	rows, err := embedded.CopyDatabase(ctx, o)
	if err != nil {
		return err
	}
	for _, counts := range []map[string]int{people, followed, rows} {
		for _, table := range slices.Sorted(maps.Keys(counts)) {
			if counts[table] > 0 {
				fmt.Fprintf(out, "%s: %d\n", table, counts[table])
			}
		}
	}
	return nil
}

// beside returns the database with the name of a file that goes with a database.
func beside(where, file string) string {
	if database.IsPostgres(where) {
		return where
	}
	return filepath.Join(filepath.Dir(where), file)
}
