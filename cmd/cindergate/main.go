// Command cindergate is an OpenStack Cinder-compatible backup gateway.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"cindergate/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cindergate:", err)
	}
	os.Exit(exitCode(err)) //nolint:gocritic // the process ends
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cindergate",
		Short: "An OpenStack Cinder-compatible backup gateway",
		Long: `An OpenStack Cinder-compatible backup gateway.

It serves the Block Storage API, v2 and v3, from a backend: its own store of volumes
and backups, a real Cinder, or the backup services of Huawei Cloud and Open Telekom
Cloud.`,
		Example: `  cindergate serve --data DIR
  cindergate config check --config cindergate.yaml`,

		SilenceUsage: true, SilenceErrors: true,
	}
	cmd.AddCommand(serveCommand(), adoptCommand(), scrubCommand(), rescueCommand(), policyCommand(), moveCommand(), verifyCommand(), jobsCommand(), databaseCommand(), configCommand(), hashCommand(), fakeCommand(), harnessCommand(), manCommand(), versionCommand())
	markUsage(cmd)
	return cmd
}

// configFlag adds --config. CINDERGATE_CONFIG is its default.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("config", os.Getenv(config.EnvPrefix+"_CONFIG"), "configuration `file` (YAML)")
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check or explain the configuration",
		Example: "  cindergate config example >cindergate.yaml\n  cindergate config check --config cindergate.yaml",
	}
	cmd.AddCommand(checkCommand(), &cobra.Command{
		Use: "example", Short: "Print every setting with its default and what it is for", Args: cobra.NoArgs,
		Example: "  cindergate config example >cindergate.yaml",
		Run:     func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), config.Example) },
	})
	return cmd
}
