"""Situations that take minutes or hours elsewhere."""
import openstack.exceptions
import pytest


def backed_up(cloud):
    volume = cloud.connection.block_storage.create_volume(size=1, name="data")
    return volume, cloud.connection.block_storage.create_backup(volume_id=volume.id, name="nightly")


def test_backup_fails_after_an_hour(cloud):
    cloud.ask("PUT", "/transitions", {"backup.creating": {"progression": "time", "duration": "1h"}})
    cloud.fault(store={"op": "put", "error": "full"})
    _, backup = backed_up(cloud)
    cloud.advance("59m")
    assert cloud.connection.block_storage.get_backup(backup.id).status == "creating"
    cloud.advance("1m")
    # The token has expired meanwhile. openstacksdk logs in again.
    backup = cloud.connection.block_storage.get_backup(backup.id)
    assert backup.status == "error"
    assert backup.fail_reason.startswith("No space left in the backup store")


def test_service_is_away_once(cloud):
    cloud.fault(match={"method": "POST", "route": "/backups"}, answer={"status": 500})
    with pytest.raises(openstack.exceptions.HttpException) as failed:
        backed_up(cloud)
    assert failed.value.status_code == 500
    assert len(cloud.ask("GET", "/requests?method=POST&route=/backups")) == 1
    _, backup = backed_up(cloud)
    cloud.advance("1s")
    assert cloud.connection.block_storage.get_backup(backup.id).status == "available"


def test_prepared_state(cloud):
    volume, _ = backed_up(cloud)
    cloud.advance("1s")
    cloud.ask("POST", "/snapshots/prepared")
    for backup in list(cloud.connection.block_storage.backups()):
        cloud.connection.block_storage.delete_backup(backup)
    cloud.advance("1s")
    assert not list(cloud.connection.block_storage.backups())
    cloud.ask("POST", "/snapshots/prepared/restore")
    assert [b.volume_id for b in cloud.connection.block_storage.backups()] == [volume.id]
