package otcfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func decimal(n int) string { return strconv.Itoa(n) }

// The limits of vaults; sizes are in GB.
const (
	smallestVault, largestVault = 10, 10485760
	vaultDescription            = 64
	vaultResources              = 256
)

type vaultResource struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Name      string `json:"name"`
	ExtraInfo any    `json:"extra_info"`
}

func (c *Cloud) createVault(k *call) answer {
	var body struct {
		Vault *struct {
			Name        string
			Description string
			Resources   *[]vaultResource
			Billing     struct {
				ConsistentLevel string `json:"consistent_level"`
				ObjectType      string `json:"object_type"`
				ProtectType     string `json:"protect_type"`
				Size            int
			}
			Tags *[]tag
		}
	}
	if !k.readSome(&body) || body.Vault == nil {
		return refuse("BackupService.9900")
	}
	given := body.Vault
	b := given.Billing
	switch {
	case !nameForm.MatchString(given.Name) || utf8.RuneCountInString(given.Name) > 64, !c.description(given.Description, vaultDescription),
		given.Resources == nil, b.ConsistentLevel != "crash_consistent", b.ObjectType != "disk", b.ProtectType != "backup",
		b.Size < smallestVault, b.Size > largestVault, given.Tags != nil && len(*given.Tags) == 0:
		return refuse("BackupService.9900")
	}
	if problem := c.bindable(k.project, nil, *given.Resources); problem != "" {
		return refuse(problem)
	}
	v := c.addVault(k.project, Vault{Name: given.Name, Description: given.Description, SizeGiB: b.Size})
	for _, r := range *given.Resources {
		v.VolumeIDs = append(v.VolumeIDs, r.ID)
	}
	return ok(object{"vault": c.vaultView(v)})
}

// bindable returns the code for resources that cannot be bound to a vault, "" if they can.
func (c *Cloud) bindable(projectID string, vault *Vault, resources []vaultResource) string {
	count := len(resources)
	if vault != nil {
		count += len(vault.VolumeIDs)
	}
	if count > vaultResources {
		return "BackupService.6100"
	}
	for _, r := range resources {
		switch v := own(c.volumes, projectID, r.ID); {
		case r.Type != volumeResource:
			return "BackupService.9900"
		case v == nil:
			return "BackupService.7000"
		case v.Multiattach:
			return "BackupService.7106"
		case c.vaultOf(r.ID) != nil:
			return "BackupService.6103"
		}
	}
	return ""
}

// vaultOf returns the vault that holds a volume, nil if none.
func (c *Cloud) vaultOf(volumeID string) *Vault {
	for _, v := range c.vaults {
		if slices.Contains(v.VolumeIDs, volumeID) {
			return v
		}
	}
	return nil
}

func (c *Cloud) listVaults(k *call) answer {
	limit, limitOK := k.number("limit", 1, maxPage, maxPage)
	offset, offsetOK := k.number("offset", 0, 1<<31, 0)
	if !limitOK || !offsetOK {
		return refuse("BackupService.9900")
	}
	var all []*Vault
	for _, v := range of(c.vaults, k.project) {
		if vaultMatches(k, v) {
			all = append(all, v)
		}
	}
	views := []object{}
	for _, v := range cut(all, offset, min(limit, c.o.PageCap)) {
		views = append(views, c.vaultView(v))
	}
	return ok(object{"vaults": views, "count": len(all), "limit": limit, "offset": offset})
}

func vaultMatches(k *call, v *Vault) bool {
	for name, value := range map[string]string{
		"id": v.ID, "name": v.Name, "status": v.Status, "object_type": "disk", "protect_type": "backup",
	} {
		if given := k.query(name); given != "" && given != value {
			return false
		}
	}
	if k.query("resource_ids") == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(k.query("resource_ids"), ","), func(id string) bool { return slices.Contains(v.VolumeIDs, id) })
}

// vault returns the vault in the path, nil if there is none.
func (c *Cloud) vault(k *call) *Vault { return own(c.vaults, k.project, k.id()) }

func (c *Cloud) showVault(k *call) answer {
	v := c.vault(k)
	if v == nil {
		return refuse("BackupService.6105")
	}
	return ok(object{"vault": c.vaultView(v)})
}

func (c *Cloud) updateVault(k *call) answer {
	var body struct{ Vault struct{ Name string } }
	v := c.vault(k)
	if v == nil {
		return refuse("BackupService.6105")
	}
	if !k.readSome(&body) || body.Vault.Name != "" && !nameForm.MatchString(body.Vault.Name) {
		return refuse("BackupService.9900")
	}
	setDefault(&body.Vault.Name, v.Name)
	v.Name = body.Vault.Name
	return ok(object{"vault": c.vaultView(v)})
}

func (c *Cloud) deleteVault(k *call) answer {
	v := c.vault(k)
	if v == nil {
		return refuse("BackupService.6105")
	}
	remove(&c.vaults, v.ID)
	c.backups = slices.DeleteFunc(c.backups, func(b *Backup) bool { return b.VaultID == v.ID })
	return answer{status: http.StatusNoContent}
}

func (c *Cloud) addResources(k *call) answer {
	var body struct{ Resources []vaultResource }
	v := c.vault(k)
	if v == nil {
		return refuse("BackupService.6105")
	}
	if !k.readSome(&body) || len(body.Resources) == 0 {
		return refuse("BackupService.9900")
	}
	if v.Status != "available" {
		return refuse("BackupService.6109")
	}
	if problem := c.bindable(k.project, v, body.Resources); problem != "" {
		return refuse(problem)
	}
	added := []string{}
	for _, r := range body.Resources {
		added = append(added, r.ID)
	}
	v.VolumeIDs = append(v.VolumeIDs, added...)
	return ok(object{"add_resource_ids": added})
}

func (c *Cloud) removeResources(k *call) answer {
	var body struct {
		IDs []string `json:"resource_ids"`
	}
	v := c.vault(k)
	if v == nil {
		return refuse("BackupService.6105")
	}
	if !k.readSome(&body) || len(body.IDs) == 0 {
		return refuse("BackupService.9900")
	}
	for _, id := range body.IDs {
		if !slices.Contains(v.VolumeIDs, id) {
			return refuse("BackupService.6135")
		}
	}
	v.VolumeIDs = slices.DeleteFunc(v.VolumeIDs, func(id string) bool { return slices.Contains(body.IDs, id) })
	return ok(object{"remove_resource_ids": body.IDs})
}

// used returns the size of a vault's backups, in GiB.
func (c *Cloud) used(v *Vault) int {
	used := 0
	for _, b := range c.backups {
		if b.VaultID == v.ID {
			used += b.SizeGiB
		}
	}
	return used
}

func (c *Cloud) vaultView(v *Vault) object {
	allocated := 0
	resources := []object{}
	for _, id := range v.VolumeIDs {
		volume := find(c.volumes, id)
		if volume == nil {
			continue
		}
		allocated += volume.SizeGiB
		resources = append(resources, c.resourceView(v, volume))
	}
	return object{
		"id": v.ID, "name": v.Name, "description": v.Description, "project_id": v.ProjectID,
		"provider_id": volumeProvider, "created_at": c.cbrTime(v.CreatedAt), "user_id": "", "tags": []object{},
		"auto_bind": false, "auto_expand": false, "locked": false, "enterprise_project_id": c.enterpriseProject(),
		"billing": object{
			"allocated": allocated, "used": c.used(v) << 10, "size": v.SizeGiB, "status": v.Status, "charging_mode": "post_paid",
			"cloud_type": "public", "consistent_level": "crash_consistent", "object_type": "disk", "protect_type": "backup",
			"spec_code": "vault.backup.volume.normal",
		},
		"resources": resources,
	}
}

func (c *Cloud) resourceView(vault *Vault, v *Volume) object {
	count, size := 0, 0
	for _, b := range c.backups {
		if b.VaultID == vault.ID && b.VolumeID == v.ID {
			count++
			size += b.SizeGiB
		}
	}
	var status any = "available"
	switch v.Status {
	case "backing-up":
		status = "protecting"
	case "restoring-backup":
		status = "restoring"
	case "creating":
		status = nil
	}
	return object{
		"id": v.ID, "type": volumeResource, "name": v.Name, "size": v.SizeGiB, "backup_size": size, "backup_count": count,
		"protect_status": status, "extra_info": object{},
	}
}
