package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/internal/chunk/object"
	"cindergate/internal/copies"
	tenant "cindergate/internal/move/cloud"
)

// copiesDir is the directory of the copies' journals in the data directory.
const copiesDir = "copies"

// openCopier makes the copier of the embedded backend. It sends no request.
func openCopier(c *config.Config, log *zap.Logger) (*copies.Copier, error) {
	all := map[string]*tenant.Access{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		b := c.Backends[name]
		if all[name] = nil; b.Copies == nil {
			continue
		}
		secret, err := secretOf("application_credential_secret", b.Copies.ApplicationCredentialSecret, b.Copies.ApplicationCredentialSecretEnv)
		if err != nil {
			problems = append(problems, fmt.Errorf("backends.%s.copies.%w", name, err))
			continue
		}
		all[name] = &tenant.Access{Name: name, AuthURL: b.Copies.AuthURL, ID: b.Copies.ApplicationCredentialID, Secret: secret, URL: b.Cinder.URL,
			Region: b.Copies.Region, Interface: b.Copies.Interface,
			Connection: object.Connection{CAFile: b.Cinder.CAFile, Insecure: b.Cinder.Insecure, Wrap: watched}}
	}
	return copies.New(copies.Options{Dir: filepath.Join(c.Data, copiesDir), Backends: all, Log: log}), errors.Join(problems...)
}

// probeCopies logs in at each backend that takes copies, and says how they would be written.
func probeCopies(ctx context.Context, c *config.Config, out io.Writer) error {
	copier, err := openCopier(c, zap.NewNop())
	problems := []error{err}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		if c.Backends[name].Copies == nil || err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		finding, err := copier.Probe(ctx, name)
		cancel()
		if err != nil {
			problems = append(problems, err)
			continue
		}
		fmt.Fprintf(out, "%s: %s\n", name, finding)
	}
	return errors.Join(problems...)
}
