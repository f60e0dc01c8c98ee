package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitHelp describes the exit codes, for the help of every command.
const exitHelp = `Exit codes:
  0  the command has done its work; serve was ended by a signal
  1  the command failed, and standard error says why
  2  the command line is wrong`

// usageError is an error in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	var untested cannotTest
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &untested):
		return exitUsage
	}
	return exitFailed
}

// markUsage turns every error in the command line of cmd and its subcommands into a
// usageError. It also appends the exit codes to their help.
func markUsage(cmd *cobra.Command) {
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	if !strings.Contains(cmd.Long, "Exit codes:") { // verify has its own
		cmd.Long += "\n\n" + exitHelp
	}
	if cmd.RunE == nil && cmd.Run == nil { // it only has subcommands
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	check := cmd.Args
	if check == nil {
		check = cobra.NoArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		// Cobra checks required flags later, where its error looks like any other.
		return usage(errors.Join(check(cmd, args), cmd.ValidateRequiredFlags()))
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}
