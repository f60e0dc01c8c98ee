package backups

import (
	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// storeSpec is the extra spec of a volume type that names the store of its volumes'
// backups.
const storeSpec = "cindergate:backup_store"

// chooseStore returns the store of a new full backup: the one that the request names, else
// that of the volume's type, else the default one.
func (bs *Backups) chooseStore(tx *meta.Tx, named *core.Store, v *meta.Volume) (*core.Store, error) {
	if named != nil {
		return named, nil
	}
	name := bs.core.Stores.Default
	if v.VolumeTypeID != "" {
		t, err := tx.VolumeType(v.VolumeTypeID)
		if err != nil {
			return nil, err
		}
		if t != nil && t.ExtraSpecs[storeSpec] != "" {
			name = t.ExtraSpecs[storeSpec]
		}
	}
	if s := bs.core.Stores.Named(name); s != nil {
		return s, nil
	}
	return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: the volume's type names the backup store %s, which is not configured.", name)
}

// besideParent returns the store of a new incremental backup: that of its parent, for a
// restore reads a whole chain from one store.
func (bs *Backups) besideParent(named *core.Store, parent *meta.Backup) (*core.Store, error) {
	s, err := bs.core.Stores.Of(parent.Store, parent.ProjectID)
	switch {
	case err != nil:
		return nil, driver.Wrap(driver.InvalidState, err, "Invalid backup: the parent backup %s is in the backup store %s, which is not configured.",
			parent.ID, parent.Store)
	case named != nil && named.Name != s.Name:
		return nil, driver.Errorf(driver.InvalidInput, "Invalid container: the parent backup %s is in the backup store %s, and an incremental backup "+
			"is stored beside its parent. Do a full backup.", parent.ID, s.Name)
	}
	return s, nil
}

func checkContainer(s *core.Store, container string) error {
	if container == "" {
		return nil
	}
	if err := s.Layout().CheckContainer(container); err != nil {
		return driver.Errorf(driver.InvalidInput, "Invalid container: %s.", err)
	}
	return nil
}
