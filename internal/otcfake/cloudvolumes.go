package otcfake

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// The limits of EVS. Names are counted in characters, descriptions in bytes.
const (
	volumeName, volumeText = 255, 255
	largestVolume          = 32768
	largestBatch           = 100
)

// cloudVolume is the body of EVS's own create.
type cloudVolume struct {
	BackupID    string            `json:"backup_id"`
	SnapshotID  string            `json:"snapshot_id"`
	ImageRef    string            `json:"imageRef"`
	AZ          string            `json:"availability_zone"`
	Type        string            `json:"volume_type"`
	Size        *int              `json:"size"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Count       *int              `json:"count"`
	Metadata    map[string]string `json:"metadata"`
	Multiattach bool              `json:"multiattach"`
	Tags        map[string]string `json:"tags"`
}

// createCloudVolume is EVS's own create, the only one that accepts a backup. v2.1 answers
// 202, and names the ids in advance if the metadata ask for it.
func (c *Cloud) createCloudVolume(tellsIDs bool) handler {
	return func(k *call) answer {
		var body struct {
			Volume *cloudVolume `json:"volume"`
		}
		if !k.read(&body) || body.Volume == nil {
			return refuse("EVS.5400")
		}
		given := body.Volume
		size, b, problem := c.evsSource(k.project, given)
		if problem == "" {
			problem = c.evsProblem(k.project, given, size)
		}
		if problem != "" {
			return refuse(problem)
		}
		ids := c.makeVolumes(k, given, size, b)
		kind, entities := "createVolume", map[string]any{"volume_id": ids[0], "name": given.Name, "size": size, "volume_type": given.Type}
		j := c.newJob(k.project, "evs", kind, "volume_id", entities)
		if b != nil {
			c.volumeFrom(b, find(c.volumes, ids[0]), j)
		} else {
			c.work(j, func() { runJob(j) }, func() {
				for _, id := range ids {
					find(c.volumes, id).Status = "available"
				}
				c.endJob(j, nil)
			})
		}
		made := object{"job_id": j.id}
		if tellsIDs {
			made["order_id"] = nil
			if given.Metadata["create_for_volume_id"] == "true" {
				made["volume_ids"] = ids
			}
			return accepted(made)
		}
		return ok(made)
	}
}

// evsSource returns the size of a new volume and its source backup, or the code if the
// source is not valid.
func (c *Cloud) evsSource(projectID string, given *cloudVolume) (size int, b *Backup, problem string) {
	sources := 0
	for _, id := range []string{given.BackupID, given.SnapshotID, given.ImageRef} {
		if id != "" {
			sources++
		}
	}
	if given.Size != nil {
		size = *given.Size
	}
	switch {
	case sources > 1:
		return 0, nil, "EVS.1016"
	case given.BackupID == "" && given.Size == nil:
		return 0, nil, "EVS.1010"
	case given.BackupID == "":
		return size, nil, ""
	case given.Count != nil && *given.Count != 1:
		return 0, nil, "EVS.1051"
	case !wellFormed(given.BackupID):
		return 0, nil, "EVS.1006"
	}
	b = own(c.backups, projectID, given.BackupID)
	switch {
	case b == nil || b.Server:
		return 0, nil, "EVS.1045"
	case cbrStatus(b) != "available":
		return 0, nil, "EVS.1044"
	case given.AZ != b.AZ && c.isZone(given.AZ):
		return 0, nil, "EVS.1049"
	case given.Size != nil && size < b.SizeGiB:
		return 0, nil, "EVS.1022"
	case given.Size == nil:
		size = b.SizeGiB
	}
	return size, b, ""
}

func (c *Cloud) evsProblem(projectID string, given *cloudVolume, size int) string {
	count := 1
	if given.Count != nil {
		count = *given.Count
	}
	switch {
	case !c.isZone(given.AZ):
		return "EVS.1036"
	case !slices.Contains(c.typeNames(), given.Type):
		return "EVS.1020"
	case size < 1 || size > largestVolume:
		return "EVS.1010"
	case utf8.RuneCountInString(given.Name) > volumeName || len(given.Description) > volumeText || count < 1 || count > largestBatch:
		return "EVS.5400"
	}
	return c.roomFor(projectID, count, count*size)
}

func (c *Cloud) makeVolumes(k *call, given *cloudVolume, size int, b *Backup) []string {
	count := 1
	if given.Count != nil {
		count = *given.Count
	}
	var ids []string
	for i := range count {
		v := Volume{
			Name: given.Name, Description: given.Description, AZ: given.AZ, Type: given.Type, SizeGiB: size, Status: "creating",
			UserID: k.token.user.id, Multiattach: given.Multiattach, Metadata: given.Metadata, SnapshotID: given.SnapshotID,
		}
		if count > 1 {
			v.Name = fmt.Sprintf("%s-%04d", given.Name, i+1)
		}
		if s := own(c.snapshots, k.project, given.SnapshotID); s != nil && b == nil {
			v.Content = s.Content
		}
		ids = append(ids, c.addVolume(k.project, v).ID)
	}
	return ids
}

// showCloudVolume is EVS's own show, which adds little to the native one.
func (c *Cloud) showCloudVolume(k *call) answer {
	v := own(c.volumes, k.project, k.id())
	if v == nil {
		return refuse("EVS.5404")
	}
	view := c.volumeView(k, v)
	view["service_type"], view["wwn"], view["tags"] = "EVS", nil, object{}
	return ok(object{"volume": view})
}
