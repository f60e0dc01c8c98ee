// pkgcloud's block storage client: volumes, snapshots, volume types.
const pkgcloud = require('pkgcloud');
const { promisify } = require('util');

let passed = 0;
let failed = 0;

function check(what, fine) {
  fine ? passed++ : failed++;
  console.log(`${fine ? 'ok  ' : 'FAIL'} ${what}`);
}

const cloud = pkgcloud.blockstorage.createClient({
  provider: 'openstack', authUrl: `${process.env.URL}/identity`, keystoneAuthVersion: 'v3', username: 'cli',
  password: process.env.OS_PASSWORD, domainId: 'default', tenantName: 'cli', region: process.env.REGION,
  domainName: 'Default', basePath: undefined,
});
const call = (name, ...args) => promisify(cloud[name].bind(cloud))(...args);

// settled polls until the promise resolves to a true value, for at most a minute.
async function settled(ask) {
  for (let i = 0; i < 600; i++) {
    const found = await ask();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  return null;
}

async function scenario() {
  const made = await call('createVolume', { name: 'pkg-v', description: 'd', size: 1 });
  const volume = await settled(async () => {
    const v = await call('getVolume', made);
    return v.status === 'available' && v;
  });
  check('createVolume', volume && volume.size === 1 && volume.name === 'pkg-v');
  check('getVolumes', (await call('getVolumes')).some((v) => v.id === volume.id));
  const snapshot = await call('createSnapshot', { name: 'pkg-s', description: 'd', volumeId: volume.id });
  check('createSnapshot', await settled(async () => (await call('getSnapshot', snapshot)).status === 'available'));
  check('getSnapshots', (await call('getSnapshots')).some((s) => s.id === snapshot.id));
  const copy = await call('createVolume', { name: 'pkg-copy', description: 'd', size: 1, snapshotId: snapshot.id });
  check('createVolume of a snapshot', await settled(async () => (await call('getVolume', copy)).status === 'available'));
  check('getVolumeTypes', (await call('getVolumeTypes')).some((t) => t.name === '__DEFAULT__'));
  await call('deleteSnapshot', snapshot);
  check('deleteSnapshot', await settled(async () => (await call('getSnapshots')).length === 0));
  await call('deleteVolume', volume);
  await call('deleteVolume', copy);
  check('deleteVolume', await settled(async () => (await call('getVolumes')).length === 0));
}

scenario().catch((error) => {
  console.error(error);
  check('the rest', false);
}).finally(() => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
});
