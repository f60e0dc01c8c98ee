package otcfake

import (
	"fmt"
	"time"
)

// AddVolume makes a volume as v says and returns its id.
func (c *Cloud) AddVolume(projectID string, v Volume) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addVolume(projectID, v).ID
}

func (c *Cloud) addVolume(projectID string, v Volume) *Volume {
	setDefault(&v.ID, c.newID())
	setDefault(&v.AZ, c.o.Zones[0])
	setDefault(&v.Type, "SSD")
	setDefault(&v.Status, "available")
	setDefault(&v.SizeGiB, 10)
	if v.CreatedAt.IsZero() {
		v.CreatedAt = c.now()
	}
	v.ProjectID = projectID
	added := v.clone()
	c.volumes = append(c.volumes, &added)
	return &added
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

// Volume returns the current state of a volume, the zero value if there is none.
func (c *Cloud) Volume(id string) Volume {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := find(c.volumes, id); v != nil {
		return v.clone()
	}
	return Volume{}
}

// ChangeVolume changes a volume regardless of all rules, for example to attach it.
func (c *Cloud) ChangeVolume(id string, change func(*Volume)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := find(c.volumes, id); v != nil {
		change(v)
	}
}

// AddVault makes a vault that holds the volumes and returns its id.
func (c *Cloud) AddVault(projectID string, v Vault) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addVault(projectID, v).ID
}

func (c *Cloud) addVault(projectID string, v Vault) *Vault {
	setDefault(&v.ID, c.newID())
	setDefault(&v.Name, "vault-"+v.ID[:4])
	setDefault(&v.Status, "available")
	setDefault(&v.SizeGiB, 1000)
	v.ProjectID, v.CreatedAt = projectID, c.now()
	v.VolumeIDs = append([]string{}, v.VolumeIDs...)
	c.vaults = append(c.vaults, &v)
	return &v
}

// Vault returns the current state of a vault, the zero value if there is none.
func (c *Cloud) Vault(id string) Vault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := find(c.vaults, id); v != nil {
		copied := *v
		copied.VolumeIDs = append([]string{}, v.VolumeIDs...)
		return copied
	}
	return Vault{}
}

// ChangeVault changes a vault regardless of all rules.
func (c *Cloud) ChangeVault(id string, change func(*Vault)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := find(c.vaults, id); v != nil {
		change(v)
	}
}

// AddBackup makes a backup as b says and returns its id. Service, VolumeID and, for CBR,
// VaultID have no defaults.
func (c *Cloud) AddBackup(projectID string, b Backup) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addBackup(projectID, b).ID
}

func (c *Cloud) addBackup(projectID string, b Backup) *Backup {
	setDefault(&b.ID, c.newID())
	setDefault(&b.Status, "available")
	setDefault(&b.SizeGiB, 10)
	setDefault(&b.AZ, c.o.Zones[0])
	if v := find(c.volumes, b.VolumeID); v != nil {
		setDefault(&b.VolumeName, v.Name)
	}
	if b.CreatedAt.IsZero() {
		b.CreatedAt = c.now()
	}
	b.Wished = b.Wished || b.Incremental
	if b.ProtectedAt.IsZero() {
		b.ProtectedAt = b.CreatedAt
	}
	b.ProjectID = projectID
	c.backups = append(c.backups, &b)
	return &b
}

// AddBackups makes n backups as b says, one second apart, with the names <name>-0000 and so
// on. It returns the ids in that order.
func (c *Cloud) AddBackups(projectID string, n int, b Backup) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.CreatedAt.IsZero() {
		b.CreatedAt = c.now().Add(-time.Duration(n) * time.Second)
	}
	ids := make([]string, n)
	name, first := b.Name, b.CreatedAt
	for i := range ids {
		one := b
		one.Name, one.CreatedAt = fmt.Sprintf("%s-%04d", name, i), first.Add(time.Duration(i)*time.Second)
		ids[i] = c.addBackup(projectID, one).ID
	}
	return ids
}

// AddServerBackup makes a CBR backup of a server with one child for each of the volumes. It
// returns the parent's id and the children's ids.
func (c *Cloud) AddServerBackup(projectID, vaultID, name string, volumeIDs ...string) (id string, children []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	parent := c.addBackup(projectID, Backup{Name: name, Service: "cbr", VaultID: vaultID, VolumeID: c.newID(), Server: true})
	for _, volume := range volumeIDs {
		children = append(children, c.addBackup(projectID, Backup{
			Name: name, Service: "cbr", VaultID: vaultID, VolumeID: volume, ParentID: parent.ID,
		}).ID)
	}
	return parent.ID, children
}

// Backup returns the current state of a backup, the zero value if there is none.
func (c *Cloud) Backup(id string) Backup {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := find(c.backups, id); b != nil {
		return *b
	}
	return Backup{}
}

// ChangeBackup changes a backup regardless of all rules.
func (c *Cloud) ChangeBackup(id string, change func(*Backup)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := find(c.backups, id); b != nil {
		change(b)
	}
}

// Snapshots returns the snapshots of a project.
func (c *Cloud) Snapshots(projectID string) []Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Snapshot
	for _, s := range c.snapshots {
		if s.ProjectID == projectID {
			all = append(all, *s)
		}
	}
	return all
}
