package meta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CopyOptions say what differs between the two databases of a [CopyAll].
type CopyOptions struct {
	// LocalStore is the name by which the configuration for PostgreSQL knows the store in the data
	// directory. "" is an error if backups are in it.
	LocalStore string
	// Host is the name of the gateway that has the data directory.
	Host string
}

// CopyAll copies all rows to a new database, in one transaction. Nothing may use either of them. It
// returns the number of rows by table.
func CopyAll(ctx context.Context, from, to *DB, o CopyOptions) (map[string]int, error) {
	var counts map[string]int
	err := from.Read(ctx, func(source *Tx) error {
		if err := refuseUsed(ctx, to); err != nil {
			return err
		}
		if err := refuseRunning(source); err != nil {
			return err
		}
		return to.copying(ctx, func(target *Tx) error {
			counts = map[string]int{}
			for _, t := range copied(source, target, o) {
				n, err := t.copy(source, target)
				if err != nil {
					return err
				}
				counts[t.name] = n
			}
			return target.reread()
		})
	})
	return counts, err
}

// copying is [DB.Write] without its limit of time.
func (db *DB) copying(ctx context.Context, change func(*Tx) error) error {
	return db.transact(ctx, (*Tx).takeTurn, change)
}

func refuseUsed(ctx context.Context, to *DB) error {
	there, err := to.Installation(ctx)
	if err == nil && there != nil {
		err = fmt.Errorf("the database to copy to is that of the installation %s already", there.ID)
	}
	return err
}

// refuseRunning returns an error if a gateway uses the database.
func refuseRunning(source *Tx) error {
	all, err := source.Gateways()
	if err != nil {
		return err
	}
	for _, g := range all {
		if source.Now.Sub(g.SeenAt) < time.Minute {
			return fmt.Errorf("the gateway %s uses the database: stop it, or wait a minute if it has died", g.Host)
		}
	}
	return nil
}

// reread makes all processes read all rows again.
func (tx *Tx) reread() error {
	if !tx.db.sql.Shared {
		for _, t := range tx.db.hot {
			if err := t.reload(tx.ctx, tx.q); err != nil {
				return err
			}
		}
		return nil
	}
	tx.changes = append(tx.changes, change{})
	_, err := tx.q.ExecContext(tx.ctx, "DELETE FROM changes")
	return err
}

type copier struct {
	name string
	copy func(source, target *Tx) (int, error)
}

// copied are the tables of an installation, those that others refer to first. Not among them are
// those of a shared database alone: head, changes, job_ends and gateways.
func copied(source, target *Tx, o CopyOptions) []copier {
	return []copier{
		rowsOfTable(&installations, nil),
		rowsOfTable(&volumeTypes, nil),
		rowsOfTable(&volumes, func(v *Volume) (bool, error) { return true, placeVolume(source, target, v, o.Host) }),
		rowsOfTable(&snapshots, nil),
		rowsOfTable(&backups, func(b *Backup) (bool, error) { return true, placeBackup(target, b, o) }),
		rowsOfTable(&quotas, nil),
		rowsOfTable(&messages, nil),
		rowsOfTable(&qosSpecs, nil),
		rowsOfTable(&groupTypes, nil),
		rowsOfTable(&groups, nil),
		rowsOfTable(&groupSnapshots, nil),
		rowsOfTable(&transfers, nil),
		rowsOfTable(&services, func(s *Service) (bool, error) { return renameService(target, s, o.Host), nil }),
		rowsOfTable(&defaultTypes, nil),
		rowsOfTable(&stores, nil),
		rowsOfTable(&scrubs, nil),
		rowsOfTable(&uploads, nil),
		rowsOfTable(&trusts, nil),
		rowsOfTable(&copies, nil),
		rowsOfTable(&protections, nil),
		rowsOfTable(&policyRuns, nil),
		rowsOfTable(&jobs, func(j *Job) (bool, error) { return j.State != cancelled, placeJob(target, j) }),
		{"upload_ranges", copyRanges},
	}
}

// copyPage is the number of rows that are in memory at once.
const copyPage = 1000

// rowsOfTable copies a table. change may change a row, and says whether to copy it; nil: all are
// copied as they are.
func rowsOfTable[T any](t *table[T], change func(*T) (bool, error)) copier {
	return copier{t.name, func(source, target *Tx) (n int, err error) {
		for after := ""; ; {
			rows, err := t.find(source.ctx, source.q, fmt.Sprintf("WHERE id > $1 ORDER BY id LIMIT %d", copyPage), after)
			if err != nil {
				return n, err
			}
			for _, row := range rows {
				after = t.key(row)
				if change != nil {
					if keep, err := change(row); err != nil {
						return n, err
					} else if !keep {
						continue
					}
				}
				if err := t.put(target.ctx, target.q, row); err != nil {
					return n, err
				}
				n++
			}
			if len(rows) < copyPage {
				return n, nil
			}
		}
	}}
}

func copyRanges(source, target *Tx) (n int, err error) {
	all, err := uploads.find(source.ctx, source.q, "ORDER BY id")
	if err != nil {
		return 0, err
	}
	for _, u := range all {
		ranges, err := uploadRanges(source.ctx, source.q, "WHERE upload_id = $1 ORDER BY from_byte", u.BackupID)
		if err != nil {
			return n, err
		}
		for _, r := range ranges {
			if err := target.PutUploadRange(&r); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// placeVolume puts the volumes of a data directory at its gateway. It refuses to bring the volumes
// of several gateways into a database that one gateway has to itself.
func placeVolume(source, target *Tx, v *Volume, host string) error {
	_, pool, placed := strings.Cut(v.Host, "@")
	switch {
	case !placed:
		return nil
	case target.db.sql.Shared && !source.db.sql.Shared:
		v.Host = host + "@" + pool
	case source.db.sql.Shared && !target.db.sql.Shared && v.Host != host+"@"+pool:
		return fmt.Errorf("the volume %s is at %s, but the directory is that of %s: a database in a file serves one directory", v.ID, v.Host, host)
	}
	return nil
}

// placeBackup names the store in the data directory, or makes it the nameless one again.
func placeBackup(target *Tx, b *Backup, o CopyOptions) error {
	switch {
	case !target.db.sql.Shared && b.Store == o.LocalStore:
		b.Store = ""
	case target.db.sql.Shared && b.Store == "" && b.DeletedAt.IsZero():
		if o.LocalStore == "" {
			return errors.New("backups are in the store of the data directory: say by which name the configuration for PostgreSQL has it: --local-store")
		}
		b.Store = o.LocalStore
	}
	if target.db.sql.Shared {
		b.Host = o.Host // where the file of an upload is
	}
	return nil
}

// renameService makes a service that of a gateway, or that of the only one. It reports whether the
// service is one of this gateway.
func renameService(target *Tx, s *Service, host string) bool {
	binary, of, shared := strings.Cut(s.Binary, "@")
	if target.db.sql.Shared {
		if !shared {
			s.Binary += "@" + host
		}
		return true
	}
	s.Binary = binary
	return !shared || of == host
}

// placeJob queues a job again, at the gateway that has its volume.
func placeJob(target *Tx, j *Job) error {
	j.Host, j.Worker, j.State, j.LeaseUntil = "", "", Queued, time.Time{}
	if !target.db.sql.Shared || j.VolumeID == "" {
		return nil
	}
	v, err := target.Volume(j.VolumeID)
	if err == nil && v != nil {
		j.Host, _, _ = strings.Cut(v.Host, "@")
	}
	return err
}
