# fog-openstack's volume service, models and requests.
require 'fog/openstack'
require 'fileutils'

$passed = $failed = 0

def check(what, fine)
  fine ? $passed += 1 : $failed += 1
  puts "#{fine ? 'ok  ' : 'FAIL'} #{what}"
end

# settled polls until the block returns a true value, for at most a minute.
def settled
  600.times do
    found = yield
    return found if found
    sleep 0.1
  end
  nil
end

def connect(user)
  Fog::OpenStack::Volume.new(
    openstack_auth_url: "#{ENV['URL']}/identity", openstack_username: user, openstack_api_key: ENV['OS_PASSWORD'],
    openstack_project_name: 'cli', openstack_domain_name: 'default', openstack_region: ENV['REGION']
  )
end

# After a restore to a volume, the name of its file ends in the attempt that wrote it, and the old
# file is removed soon.
def path(volume)
  settled { found = Dir.glob("#{ENV['VOLUMES']}/volume-#{volume.id}*"); found.first if found.size == 1 }
end

def scenario
  api = connect('cli')
  available = ->(id) { settled { v = api.volumes.get(id); v if v && v.status == 'available' } }
  made = api.volumes.create(name: 'fog-v', size: 1, description: 'd')
  volume = available.call(made.id)
  check 'create a volume', volume && volume.size == 1
  File.open(path(volume), 'r+b') { |f| f.write(Random.bytes(1 << 20)) }
  check 'list volumes', api.volumes.all.map(&:id).include?(volume.id)
  api.replace_metadata(volume.id, 'a' => 'b')
  check 'metadata', api.volumes.get(volume.id).metadata == { 'a' => 'b' }
  api.update_metadata(volume.id, 'c' => 'd')
  api.delete_metadata(volume.id, 'a')
  check 'metadata, changed', api.volumes.get(volume.id).metadata == { 'c' => 'd' }

  snapshot = api.snapshots.create(name: 'fog-s', volume_id: volume.id)
  check 'create a snapshot', settled { api.snapshots.get(snapshot.id).status == 'available' }
  backup = api.backups.create(name: 'fog-b', volume_id: volume.id)
  check 'create a backup', settled { api.backups.get(backup.id).status == 'available' }
  check 'list backups', api.backups.all.map(&:id) == [backup.id]
  answer = api.restore_backup(backup.id, nil, 'fog-r').body['restore']
  restored = available.call(answer['volume_id'])
  check 'restore to a new volume', restored && restored.name == 'fog-r' && FileUtils.identical?(path(volume), path(restored))
  settled { api.backups.get(backup.id).status == 'available' }
  File.open(path(restored), 'r+b') { |f| f.write('changed') }
  api.restore_backup(backup.id, restored.id, nil)
  available.call(restored.id)
  check 'restore to that volume', FileUtils.identical?(path(volume), path(restored))

  transfer = api.create_transfer(restored.id, name: 'fog-t').body['transfer']
  check 'create a transfer', api.get_transfer_details(transfer['id']).body['transfer']['volume_id'] == restored.id
  api.accept_transfer(transfer['id'], transfer['auth_key'])
  check 'accept the transfer', available.call(restored.id)

  settled { api.backups.get(backup.id).status == 'available' }
  api.backups.get(backup.id).destroy
  check 'delete the backup', settled { api.backups.all.empty? }
  api.snapshots.get(snapshot.id).destroy
  check 'delete the snapshot', settled { api.snapshots.all.empty? }
  [volume, restored].each { |v| api.volumes.get(v.id).destroy }
  check 'delete the volumes', settled { api.volumes.all.empty? }
  check 'list types', api.volume_types.all.map(&:name).include?('__DEFAULT__')

  admin = connect('cli-admin')
  type = admin.volume_types.create(name: 'fog-type')
  check 'create a type', admin.volume_types.get(type.id).name == 'fog-type'
  type.destroy
  check 'delete the type', !admin.volume_types.all.map(&:name).include?('fog-type')
  check 'quota', admin.get_quota(ENV.fetch('PROJECT', 'cli')).body['quota_set'].key?('volumes')
end

begin
  scenario
rescue StandardError => e
  warn e.full_message
  check 'the rest', false
end
puts "#{$passed} passed, #{$failed} failed"
exit $failed.zero?
