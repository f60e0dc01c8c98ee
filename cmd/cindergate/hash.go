package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cindergate/identity"
)

func hashCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hash", Short: "Print the hash of a password, for password_hash and secret_hash of the configuration", Args: cobra.NoArgs,
		Long: `Print the hash of a password, for password_hash and secret_hash of the configuration.

The password is the first line of standard input; a terminal asks for it, and does not
show it. The hash is argon2id, with a salt of its own.`,
		Example: "  cindergate hash\n  printf %s \"$PASSWORD\" | cindergate hash",
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			hash, err := identity.HashPassword(password)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), hash)
			return nil
		},
	}
}

// readPassword reads one line. A terminal does not echo it.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(prompt)
		return string(text), err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
