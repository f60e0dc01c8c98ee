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

// version is set at build time.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cindergate:", err)
		os.Exit(1) //nolint:gocritic // the process ends
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cindergate",
		Short: "An OpenStack Cinder-compatible backup gateway",

		SilenceUsage: true, SilenceErrors: true,
	}
	cmd.AddCommand(serveCommand(), adoptCommand(), configCommand(), hashCommand(), fakeCommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version) },
	})
	return cmd
}

// configFlag adds --config, which CINDERGATE_CONFIG stands in for.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("config", os.Getenv(config.EnvPrefix+"_CONFIG"), "configuration `file` (YAML)")
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check or explain the configuration"}
	cmd.AddCommand(checkCommand(), &cobra.Command{
		Use: "example", Short: "Print every setting with its default and what it is for", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), config.Example) },
	})
	return cmd
}
