package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write a man page for each command into a directory", Args: cobra.ExactArgs(1),
		Example: "  cindergate man /usr/local/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // no date, so that the same version writes the same pages
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Cindergate " + version, Manual: "Cindergate"}, args[0])
		},
	}
}
