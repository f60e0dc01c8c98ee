package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver/embedded"
	"cindergate/internal/chunk"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
	"cindergate/internal/chunk/swift"
)

// openStores makes the configured backup stores. It sends no request.
func openStores(c *config.Config, log *zap.Logger) (map[string]embedded.BackupStore, error) {
	stores := map[string]embedded.BackupStore{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
		o := c.Stores[name]
		if o.Driver == config.StoreDir {
			stores[name] = embedded.BackupStore{Dir: o.Dir.Path}
			continue
		}
		store, err := openRemote(name, &o, log)
		if err != nil {
			problems = append(problems, fmt.Errorf("stores.%s: %w", name, err))
			continue
		}
		stores[name] = store
	}
	return stores, errors.Join(problems...)
}

func openRemote(name string, o *config.Store, log *zap.Logger) (s embedded.BackupStore, err error) {
	if o.Driver == config.StoreS3 {
		s.Remote, err = openS3(name, &o.S3, log)
		return s, err
	}
	options := swiftOptions(name, &o.Swift, log)
	if o.Swift.Auth == config.SwiftPerUser {
		s.Accounts, err = swift.NewAccounts(options, o.Swift.TrustRoles)
	} else {
		s.Remote, err = swift.New(options)
	}
	return s, err
}

func openS3(name string, o *config.S3Store, log *zap.Logger) (chunk.Remote, error) {
	var key []byte
	if o.SSECustomerKey != "" {
		key = []byte(o.SSECustomerKey.Reveal())
	}
	lock := o.ObjectLock
	if lock == config.ObjectLockOff {
		lock = ""
	}
	return s3.New(s3.Options{ObjectLock: lock, Endpoint: o.Endpoint, Region: o.Region, Bucket: o.Bucket, AccessKey: o.AccessKey, SecretKey: o.SecretKey.Reveal(),
		CredentialsFile: o.CredentialsFile, Profile: o.Profile, VirtualHost: o.VirtualHost, CustomerKey: key,
		Connection: networkOf(&o.Network), Options: objectOptions(name, &o.Network, log)})
}

func swiftOptions(name string, o *config.SwiftStore, log *zap.Logger) swift.Options {
	return swift.Options{
		Login: swift.Login{AuthURL: o.AuthURL, Version: o.AuthVersion, User: o.User, Key: o.Key.Reveal(), UserDomain: o.UserDomain, Project: o.Project,
			ProjectDomain: o.ProjectDomain, ApplicationCredentialID: o.ApplicationCredentialID,
			ApplicationCredentialSecret: o.ApplicationCredentialSecret.Reveal(), Region: o.Region, Interface: o.Interface, StorageURL: o.StorageURL},
		Container: o.Container, StoragePolicy: o.StoragePolicy,
		Connection: networkOf(&o.Network), Options: objectOptions(name, &o.Network, log)}
}

func networkOf(n *config.Network) object.Connection {
	return object.Connection{CAFile: n.CAFile, Insecure: n.Insecure, ConnectTimeout: n.ConnectTimeout, AnswerTimeout: n.AnswerTimeout,
		Connections: 2 * n.Uploads, Wrap: watched}
}

func objectOptions(name string, n *config.Network, log *zap.Logger) object.Options {
	return object.Options{Name: name, Log: log, Uploads: n.Uploads, Patience: n.Patience, Budget: n.RetryBudget, Stall: n.StallTimeout}
}

// probeStores writes, reads, lists and deletes an object in each store on the network, and
// a file in each directory.
func probeStores(ctx context.Context, c *config.Config, out io.Writer) error {
	stores, err := openStores(c, zap.NewNop())
	problems := []error{err}
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		findings, err := probeStore(ctx, stores[name])
		for _, line := range findings {
			fmt.Fprintf(out, "store %s: %s\n", name, line)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("store %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

func probeStore(ctx context.Context, s embedded.BackupStore) ([]string, error) {
	var prober interface {
		Probe(ctx context.Context) (findings []string, err error)
	} = s.Accounts
	if s.Remote != nil {
		prober = s.Remote
	}
	if s.Dir == "" {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		findings, err := prober.Probe(ctx)
		if locker, ok := s.Remote.(chunk.Locker); ok && locker.Locks() && err == nil {
			if err = locker.ProbeLock(ctx, ""); err == nil {
				findings = append(findings, "a locked object could not be deleted")
			}
		}
		return findings, err
	}
	return probeDir(s.Dir)
}

// probeDir writes a file and deletes it. Its name is that of an unfinished object, which nobody lists.
// A gateway that opens the store meanwhile may delete it first.
func probeDir(dir string) (findings []string, err error) {
	f, err := os.CreateTemp(dir, ".put-probe-")
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("This file tests a backup store. It can be deleted.\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if removed := os.Remove(f.Name()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("a file in %s was written and deleted", dir)}, nil
}
