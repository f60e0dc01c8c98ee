package verify

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

func volumeCase(name, capability string, level Level, rule, source string, run func(*X)) Case {
	return Case{Name: name, Capability: capability, Level: level, Rule: rule, Source: source, Run: run}
}

var volumeCases = []Case{
	volumeCase("volume-unknown", "volumes", ReadOnly, "A volume that does not exist is 404, and the message names its id.", "cinder/exception.py:VolumeNotFound", refusesGet("/volumes/"+nowhere, http.StatusNotFound, nowhere)),
	volumeCase("volume-none", "volumes", ReadOnly, "A name that no volume has is 404 where an id is wanted: openstack asks for a volume None.", "cinder/api/v2/volumes.py:VolumeController.show", refusesGet("/volumes/None", http.StatusNotFound)),
	volumeCase("volume-list", "volumes", ReadOnly, "The list of volumes has only the member volumes, and the link to the next page where there is one.", "cinder/api/v3/views/volumes.py:ViewBuilder._list_view", func(x *X) {
		x.get("/volumes?limit=1").is(http.StatusOK).keys("", []string{"volumes"}, "volumes_links")
	}),
	volumeCase("volume-list-detail", "volumes", ReadOnly, "The list of volumes with details has only the member volumes, and the link to the next page.", "cinder/api/v3/views/volumes.py:ViewBuilder._list_view", func(x *X) {
		x.get("/volumes/detail?limit=1").is(http.StatusOK).keys("", []string{"volumes"}, "volumes_links")
	}),
	volumeCase("volume-show", "create a volume", Tenant, "A volume shows what clients of backups read of it.", "cinder/api/v2/views/volumes.py:ViewBuilder.detail", func(x *X) {
		a := x.get("/volumes/" + x.volume()).is(http.StatusOK)
		for _, k := range []string{"id", "name", "status", "bootable", "availability_zone"} {
			a.str("volume." + k)
		}
		a.list("volume.attachments")
		a.equal("volume.size", small).equal("volume.name", x.name("volume")).equal("volume.id", x.volume()).equal("volume.status", "available")
	}),
	volumeCase("volume-bootable", "create a volume", Tenant, "bootable is the text false, no boolean.", "cinder/api/v2/views/volumes.py:ViewBuilder.detail", func(x *X) {
		x.get("/volumes/"+x.volume()).is(http.StatusOK).equal("volume.bootable", "false")
	}),
	volumeCase("volume-metadata", "create a volume", Tenant, "A volume keeps the metadata that it is created with.", "cinder/api/v2/views/volumes.py:ViewBuilder._get_volume_metadata", func(x *X) {
		x.get("/volumes/"+x.volume()).is(http.StatusOK).equal("volume.metadata.verify", "source")
	}),
	volumeCase("volume-times", "create a volume", Tenant, "Times of a volume have microseconds and no zone.", "cinder/api/v2/views/volumes.py:ViewBuilder.detail", func(x *X) {
		x.get("/volumes/"+x.volume()).is(http.StatusOK).matches("volume.created_at", timePattern, "a time such as 2026-11-21T17:13:07.000000")
	}),
	volumeCase("volume-by-name", "create a volume", Tenant, "name lists the volumes whose name is exactly that.", "cinder/api/v3/volumes.py:VolumeController._get_volumes", func(x *X) {
		id := x.volume()
		a := x.get("/volumes/detail?name=" + url.QueryEscape(x.name("volume"))).is(http.StatusOK)
		x.expect(slices.Contains(a.ids("volumes"), id), a, "volume "+id, show(a.ids("volumes")))
		for _, n := range a.column("volumes", "name") {
			x.expect(n == show(x.name("volume")), a, "volumes of that name only", n)
		}
	}),
	volumeCase("volume-update", "create a volume", Tenant, "A volume can be renamed: the answer is 200 and shows the new name.", "cinder/api/v2/volumes.py:VolumeController.update", func(x *X) {
		x.put("/volumes/"+x.wide(), fmt.Sprintf(`{"volume": {"name": %q}}`, x.name("widened"))).is(http.StatusOK).equal("volume.name", x.name("widened"))
	}),
	volumeCase("volume-without-size", "create a volume", Tenant, "A volume without a size and a source is 400.", "cinder/volume/flows/api/create_volume.py:ExtractVolumeRequestTask._extract_size", func(x *X) {
		x.refusedVolume(`{"volume": {"name": %q}}`)
	}),
	volumeCase("volume-size-zero", "create a volume", Tenant, "A volume of size 0 is 400.", "cinder/api/schemas/volumes.py:create", func(x *X) {
		x.refusedVolume(`{"volume": {"name": %q, "size": 0}}`)
	}),
	volumeCase("volume-size-text", "create a volume", Tenant, "A size that is no number is 400.", "cinder/api/schemas/volumes.py:create", func(x *X) {
		x.refusedVolume(`{"volume": {"name": %q, "size": "big"}}`)
	}),
	volumeCase("volume-snapshot-unknown", "create a volume", Tenant, "A volume of a snapshot that does not exist is 404.", "cinder/api/v3/volumes.py:VolumeController.create", func(x *X) {
		x.post("/volumes", `{"volume": {"size": 1, "snapshot_id": "`+nowhere+`"}}`).fault(http.StatusNotFound, nowhere)
	}),
	volumeCase("volume-delete", "create a volume", Tenant, "A deletion is answered with 202, and the volume becomes 404.", "cinder/api/v3/volumes.py:VolumeController.delete", func(x *X) {
		id := x.newVolume(x.name("going"), small, "")
		x.delete("/volumes/" + id).is(http.StatusAccepted)
		x.gone("volumes", id)
	}),
	volumeCase("volume-with-snapshots", "create a snapshot", Tenant, "A volume with snapshots cannot be deleted: it is 400.", "cinder/volume/api.py:API.delete", func(x *X) {
		volume := x.newVolume(x.name("with-snapshot"), small, "")
		a := x.post("/snapshots", fmt.Sprintf(`{"snapshot": {"name": %q, "volume_id": %q}}`, x.name("on-volume"), volume))
		x.overQuota(a)
		id := x.keep("snapshots", a.is(http.StatusAccepted).str("snapshot.id"))
		x.settled("snapshots", id)
		x.delete("/volumes/" + volume).fault(http.StatusBadRequest)
	}),
}

func (x *X) refusedVolume(body string) {
	a := x.post("/volumes", fmt.Sprintf(body, x.name("refused")))
	if a.e.Status == http.StatusAccepted {
		x.keep("volumes", a.str("volume.id"))
	}
	a.fault(http.StatusBadRequest)
}

var snapshotCases = []Case{
	volumeCase("snapshot-unknown", "snapshots", ReadOnly, "A snapshot that does not exist is 404, and the message names its id.", "cinder/exception.py:SnapshotNotFound", refusesGet("/snapshots/"+nowhere, http.StatusNotFound, nowhere)),
	volumeCase("snapshot-list", "snapshots", ReadOnly, "The list of snapshots has only the member snapshots, and the link to the next page where there is one.", "cinder/api/views/snapshots.py:ViewBuilder._list_view", func(x *X) {
		x.get("/snapshots?limit=1").is(http.StatusOK).keys("", []string{"snapshots"}, "snapshots_links")
	}),
	volumeCase("snapshot-show", "create a snapshot", Tenant, "A snapshot shows its volume, its size and its status.", "cinder/api/views/snapshots.py:ViewBuilder.detail", func(x *X) {
		a := x.get("/snapshots/" + x.snapshot()).is(http.StatusOK)
		a.equal("snapshot.volume_id", x.volume()).equal("snapshot.size", small).equal("snapshot.status", "available").equal("snapshot.name", x.name("snapshot"))
		a.matches("snapshot.created_at", timePattern, "a time such as 2026-11-21T17:13:07.000000")
	}),
	volumeCase("snapshot-by-name", "create a snapshot", Tenant, "name lists the snapshots of that name: Kubernetes finds its own so.", "cinder/api/v3/snapshots.py:SnapshotsController._items", func(x *X) {
		id := x.snapshot()
		x.get("/snapshots?name="+url.QueryEscape(x.name("snapshot"))).is(http.StatusOK).wantIDs("snapshots", id)
	}),
	volumeCase("snapshot-volume-unknown", "create a snapshot", Tenant, "A snapshot of a volume that does not exist is 404.", "cinder/api/v2/snapshots.py:SnapshotsController.create", refuses(http.MethodPost, "/snapshots", `{"snapshot": {"volume_id": "`+nowhere+`"}}`, http.StatusNotFound, nowhere)),
	volumeCase("snapshot-without-volume", "create a snapshot", Tenant, "A snapshot without volume_id is 400.", "cinder/api/schemas/snapshots.py:create", refuses(http.MethodPost, "/snapshots", `{"snapshot": {"name": "x"}}`, http.StatusBadRequest, "volume_id")),
	volumeCase("snapshot-available-again", "backup of a snapshot", Tenant, "A snapshot that was backed up is available again.", "cinder/backup/manager.py:BackupManager._finish_backup", func(x *X) {
		x.ofSnapshot()
		x.settled("snapshots", x.snapshot())
	}),
}
