package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set at build time.
var version = "devel"

func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Long: `Print the version.

With --verbose it also prints the commit, the version of Go, the platform, and every
module that was built in, each on a line of its own, for a report of a fault or a list
of what is in the binary.`,
		Example: "  cindergate version\n  cindergate version --verbose",
	}
	verbose := cmd.Flags().BoolP("verbose", "v", false, "also print the commit, Go, and the modules")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*verbose {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version)
			return err
		}
		return describeBuild(cmd.OutOrStdout())
	}
	return cmd
}

// describeBuild prints the version and the build information of the binary.
func describeBuild(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("the binary has no build information")
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	changed := ""
	if settings["vcs.modified"] == "true" {
		changed = ", with changes"
	}
	fmt.Fprintf(w, "cindergate %s\n", version)
	fmt.Fprintf(w, "commit %s%s\n", cmp.Or(settings["vcs.revision"], "unknown"), changed)
	fmt.Fprintf(w, "go %s %s/%s\n", info.GoVersion, settings["GOOS"], settings["GOARCH"])
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		fmt.Fprintf(w, "module %s %s %s\n", m.Path, m.Version, m.Sum)
	}
	return nil
}
