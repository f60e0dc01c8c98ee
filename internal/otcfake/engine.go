package otcfake

import "cmp"

// newJob makes a job. The entity with the key idKey may show late.
//
// Jobs of EVS have two more states than VBS documents; WAITING_EXECUTE comes before
// RUNNING.
func (c *Cloud) newJob(projectID, service, kind, idKey string, entities map[string]any) *job {
	j := &job{
		id: c.newID(), projectID: projectID, service: service, kind: kind, status: "INIT", idKey: idKey, entities: entities,
		hidden: spend(&c.traps.IDAfter), nested: c.traps.NestedEntities, atEnd: c.traps.IDAtEnd, blank: c.traps.BlankSubJobs, begin: c.now(),
	}
	if service == "evs" && c.o.Dialect == Huawei {
		j.status = "WAITING_EXECUTE"
	}
	c.jobs = append(c.jobs, j)
	return j
}

func (c *Cloud) endJob(j *job, failure *Failure) {
	if j == nil {
		return
	}
	j.end = c.now()
	j.status = "SUCCESS"
	if failure != nil {
		j.status, j.failure = "FAIL", *failure
	}
}

func runJob(j *job) {
	if j != nil {
		j.status = "RUNNING"
	}
}

// backUp starts a backup of a volume and calls done at its end.
func (c *Cloud) backUp(v *Volume, b *Backup, j *job, done func(*Failure)) {
	found := v.Status
	v.Status = "backing-up"
	failure := spend(&c.traps.FailBackup)
	record := !spend(&c.traps.NoRecord)
	b.Content, b.SizeGiB = v.Content, v.SizeGiB
	b.Status = "waiting_protect"
	b.AZ, b.VolumeID, b.VolumeName = v.AZ, v.ID, v.Name
	if b.Incremental {
		b.Incremental = c.baseOf(b) != nil // the first backup of a volume is full
	}
	if failure != nil && !record {
		remove(&c.backups, b.ID)
		if j != nil {
			j.entities["backup_id"] = ""
		}
	}
	if spend(&c.traps.NoEntity) && j != nil {
		delete(j.entities, "backup_id")
	}
	c.work(j, func() {
		b.Status = "protecting"
		runJob(j)
	}, func() {
		v.Status = found
		b.Status, b.UpdatedAt = "available", c.now()
		if failure != nil {
			b.Status, b.FailReason = "error", failure.Reason
		}
		c.endJob(j, failure)
		done(failure)
	})
}

// baseOf returns the backup on which an incremental one depends, nil if there is none.
func (c *Cloud) baseOf(b *Backup) *Backup {
	for _, other := range c.backups {
		if other != b && other.VolumeID == b.VolumeID && other.Service == b.Service && other.Status == "available" {
			return other
		}
	}
	return nil
}

// writeBack starts a restore to a volume. The volume gets the backup's size, even if the
// volume is larger.
func (c *Cloud) writeBack(b *Backup, v *Volume, j *job, done func(*Failure)) {
	failure := spend(&c.traps.FailRestore)
	b.Status, v.Status = "waiting_restore", "restoring-backup"
	c.work(j, func() {
		b.Status = "restoring"
		runJob(j)
	}, func() {
		b.Status, b.UpdatedAt = "available", c.now()
		if failure != nil {
			v.Status = "error_restoring"
			if b.Service == "vbs" {
				b.Status, b.FailReason = "error_restoring", failure.Reason
			}
		} else {
			v.Status, v.Content, v.SizeGiB = "available", b.Content, b.SizeGiB
		}
		c.endJob(j, failure)
		done(failure)
	})
}

// erase starts a delete of a backup.
func (c *Cloud) erase(b *Backup, j *job, done func()) {
	b.Status = "waiting_delete"
	c.work(j, func() {
		b.Status = "deleting"
		runJob(j)
	}, func() {
		remove(&c.backups, b.ID)
		c.endJob(j, nil)
		done()
	})
}

// volumeFrom starts making a new volume from a backup. The volume is creating, available,
// restoring-backup, and finally available or error_restoring. It does not exist before its
// job runs: an id named earlier is only a promise (vendor: 404 is "being made, or failed").
func (c *Cloud) volumeFrom(b *Backup, v *Volume, j *job) {
	failure := spend(&c.traps.FailVolume)
	remove(&c.volumes, v.ID)
	cause := cmp.Or(failure, &Failure{"EVS.2024", "volume is error!"})
	if spend(&c.traps.NoEntity) {
		delete(j.entities, "volume_id")
	}
	switch {
	case spend(&c.traps.NoVolume):
		j.entities["volume_id"] = ""
		c.work(j, func() { runJob(j) }, func() { c.endJob(j, cause) })
		return
	case spend(&c.traps.ErrorVolume):
		c.work(j, func() {
			runJob(j)
			c.volumes = append(c.volumes, v)
		}, func() {
			v.Status = "error"
			c.endJob(j, cause)
		})
		return
	}
	c.work(j, func() {
		runJob(j)
		c.volumes = append(c.volumes, v)
	}, func() {
		v.Status = "available"
	}, func() {
		v.Status = "restoring-backup"
	}, func() {
		if failure != nil {
			v.Status = "error_restoring"
		} else {
			v.Status, v.Content = "available", b.Content
		}
		c.endJob(j, failure)
	})
}

// backupQuota returns the code for a backup beyond the quota of count or capacity, "" if
// there is room.
func (c *Cloud) backupQuota(projectID string, v *Volume) string {
	count, gigabytes := c.backupUse(projectID)
	if limit := c.o.limit("backups"); limit >= 0 && count+1 > limit {
		return "VolumeBackup.0080"
	}
	if limit := c.o.limit("backup_gigabytes"); limit >= 0 && gigabytes+v.SizeGiB > limit {
		return "VolumeBackup.0081"
	}
	return ""
}

func (c *Cloud) backupUse(projectID string) (count, gigabytes int) {
	for _, b := range c.backups {
		if b.ProjectID == projectID {
			count++
			gigabytes += b.SizeGiB
		}
	}
	return count, gigabytes
}
