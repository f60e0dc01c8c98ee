"""libcloud: create, show, list, snapshot, create from a snapshot, destroy."""

import os
import subprocess
import time

from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider, StorageVolumeState, VolumeSnapshotState

from checks import check, done, run, volume_file


def wait(get, state):
    """Polls the resource for up to a minute and returns it once it has the state."""
    end = time.monotonic() + 60
    while True:
        found = get()
        if found.state == state or time.monotonic() > end:
            return found
        time.sleep(0.1)


def path(volume):
    return volume_file(os.environ['VOLUMES'], volume.id)


def scenario():
    cloud = get_driver(Provider.OPENSTACK)(
        'cli', os.environ['OS_PASSWORD'], api_version='2.2', ex_force_auth_version='3.x_password',
        ex_force_auth_url=os.environ['URL'] + '/identity/v3/auth/tokens', ex_tenant_name='cli', ex_domain_name='Default', ex_force_service_region=os.environ['REGION'])
    made = cloud.create_volume(1, 'lib-v')
    volume = wait(lambda: cloud.ex_get_volume(made.id), StorageVolumeState.AVAILABLE)
    check('create_volume', volume.state == StorageVolumeState.AVAILABLE and volume.size == 1 and volume.name == 'lib-v')
    check('list_volumes', volume.id in [v.id for v in cloud.list_volumes()])
    with open(path(volume), 'r+b') as f:
        f.write(os.urandom(1 << 20))
    snapshot = cloud.create_volume_snapshot(volume, name='lib-s')
    snapshot = wait(lambda: next(s for s in cloud.ex_list_snapshots() if s.id == snapshot.id), VolumeSnapshotState.AVAILABLE)
    check('create_volume_snapshot', snapshot.state == VolumeSnapshotState.AVAILABLE and snapshot.size == 1)
    check('list_volume_snapshots', [s.id for s in cloud.list_volume_snapshots(volume)] == [snapshot.id])
    made = cloud.create_volume(1, 'lib-copy', snapshot=snapshot)
    copy = wait(lambda: cloud.ex_get_volume(made.id), StorageVolumeState.AVAILABLE)
    check('create_volume of a snapshot', subprocess.run(['cmp', path(volume), path(copy)]).returncode == 0)
    check('ex_get_volume', cloud.ex_get_volume(copy.id).name == 'lib-copy')
    check('destroy_volume_snapshot', cloud.destroy_volume_snapshot(snapshot))
    end = time.monotonic() + 60
    while cloud.ex_list_snapshots() and time.monotonic() < end:
        time.sleep(0.1)
    check('the snapshot is gone', not cloud.ex_list_snapshots())
    check('destroy_volume', cloud.destroy_volume(copy) and cloud.destroy_volume(volume))
    while cloud.list_volumes() and time.monotonic() < end:
        time.sleep(0.1)
    check('the volumes are gone', not cloud.list_volumes())
    check('list_sizes, of the compute stub', cloud.list_sizes() == [])
    check('list_nodes, of the compute stub', cloud.list_nodes() == [])


run('libcloud', scenario)
done()
