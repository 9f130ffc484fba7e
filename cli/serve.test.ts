/** What ends `tmon serve`, and what its end leaves behind: real processes, with stores that are taken from under them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DirectoryStore } from '../server/objects/directory.ts';
import { type Program, startNode, startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller } from '../test/servers/monitor.ts';
import { submit } from '../test/servers/steps.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../bin/tmon.mjs', import.meta.url));

const serving = (store: string): string[] => {
  return ['serve', '--json', '--store', `dir:${store}`, '--listen', '127.0.0.1:0', '--fleet', 'none:'];
};

async function urlOf(program: Program): Promise<string> {
  return (await program.line(/^\{"url":"([^"]+)"/))[1]!;
}

test('serve whose store has failed for good says so and ends with 6, for its supervisor to start it again', async (t) => {
  const store = temporaryDirectory(t);
  const onSignal = `
    process.on('worker', (thread) => process.on('SIGUSR2', () => thread.terminate()));`;
  const preload = `data:text/javascript,${encodeURIComponent(onSignal)}`;
  const program = startNode(t, ['--import', preload, MAIN, ...serving(store)]);
  await submit(new Caller(await urlOf(program)));
  program.kill('SIGUSR2');
  const { code, stderr } = await program.ended;
  assert.equal(code, 6, stderr);
  assert.match(stderr, /the store's thread has ended/);
  await (await DirectoryStore.open(store, { lock: true })).close();
});

test('SIGHUP reads the alert rules again, even if nothing about their file seems to have changed', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'alerts.yaml');
  const write = (seconds: number) => {
    writeFileSync(file, `rules: [{name: queue_slow, at_least: ${seconds}}]\n`);
    utimesSync(file, 1_000, 1_000);
  };
  write(600);
  const program = startNode(t, [MAIN, ...serving(join(directory, 'data')), '--alert-rules', file]);
  const caller = new Caller(await urlOf(program));
  const threshold = async () => {
    const { rules } = (await caller.get('/system/alert-rules')).body;
    return rules.find(({ name }: { name: string }) => name === 'queue_slow').threshold;
  };
  assert.equal(await threshold(), 600);
  write(700);
  program.kill('SIGHUP');
  await program.line(/read the alert rules of/);
  assert.equal(await threshold(), 700);
});

test('under an older Node, kill -9 of the process that was started ends the monitor too', async (t) => {
  const node = olderNode();
  if (node === undefined) return t.skip('there is no Node older than 24.12 on the PATH');
  const store = temporaryDirectory(t);
  const program = startNode(t, [LAUNCHER, ...serving(store)], { node });
  await submit(new Caller(await urlOf(program)));
  program.kill('SIGKILL');
  // Its output ends when the last process that holds it has.
  await program.ended;
  await (await DirectoryStore.open(store, { lock: true })).close();
});

test('under an older Node a command ends by itself, with its own exit code', async (t) => {
  const node = olderNode();
  if (node === undefined) return t.skip('there is no Node older than 24.12 on the PATH');
  const { code, stderr } = await startNode(t, [LAUNCHER, 'rebuild', '--store', 'ftp://x'], { node }).ended;
  assert.equal(code, 5, stderr);
});

test('two machines on a network folder whose locks are local: the second is refused; one that takes over is noticed by the first', async (t) => {
  const store = temporaryDirectory(t);
  // Both can take the lock, as on a file system that keeps locks to each machine.
  const preload = `data:text/javascript,${encodeURIComponent(`
    import { DatabaseSync } from 'node:sqlite';
    DatabaseSync.prototype.exec = () => {};`)}`;
  const start = () => startNode(t, ['--import', preload, MAIN, ...serving(store)]);
  const first = start();
  const caller = new Caller(await urlOf(first));
  const kept = await submit(caller);
  const second = await start().ended;
  assert.equal(second.code, 5, second.stderr);
  assert.match(second.stderr, new RegExp(`in use by process ${first.pid}\\b`));

  // The first machine sleeps for so long that it is taken for dead, and wakes up.
  first.kill('SIGSTOP');
  const third = start();
  const other = new Caller(await urlOf(third));
  const taken = await submit(other);
  first.kill('SIGCONT');
  const refused = await caller.post('/jobs', { audio_url: 's3://audio/lost.mp3' });
  assert.equal(refused.status, 503, refused.text);
  assert.match((await caller.call('GET', '/readyz')).text, new RegExp(`in use by process ${third.pid}\\b`));
  assert.deepEqual(await jobsOf(other), [kept.job_id, taken.job_id].toSorted());
});

/** What is acknowledged after this is in the store, or it is not acknowledged. */
const MOVES: Record<string, (store: string, aside: string) => void> = {
  'put back from its backup': (store, aside) => {
    rmSync(store, { recursive: true });
    cpSync(aside, store, { recursive: true });
  },
  'moved away': (store, aside) => {
    renameSync(store, `${aside}-moved`);
  },
  'removed, an empty one in its place': (store) => {
    rmSync(store, { recursive: true });
    mkdirSync(store);
  },
};

for (const [name, move] of Object.entries(MOVES)) {
  test(`a directory ${name} under the monitor: no 201 any more, the next monitor has all that was acknowledged in it`, async (t) => {
    const first = await startTestMonitor(t);
    const caller = new Caller(first.url);
    const kept = [await submit(caller), await submit(caller)];
    const aside = join(temporaryDirectory(t), 'aside');
    cpSync(first.directory, aside, { recursive: true });
    await submit(caller);
    move(first.directory, aside);
    for (let tries = 0; tries < 3; tries++) {
      const refused = await caller.post('/jobs', { audio_url: 's3://audio/lost.mp3' });
      assert.equal(refused.status, 503, refused.text);
    }
    const ready = await caller.call('GET', '/readyz');
    assert.equal(ready.status, 503);
    assert.match(ready.text, /is not the folder that this process locked/);

    const found = name.includes('backup') ? kept.map(({ job_id }) => job_id) : [];
    const second = startNode(t, [MAIN, ...serving(first.directory)]);
    const other = new Caller(await urlOf(second));
    assert.deepEqual(await jobsOf(other), found.toSorted());
    const { job_id } = await submit(other);
    assert.equal((await caller.post('/jobs', { audio_url: 's3://audio/lost.mp3' })).status, 503);
    await first.kill();
    assert.deepEqual(await jobsOf(other), [...found, job_id].toSorted());
    const segments = readdirSync(join(first.directory, 'journal'));
    second.kill('SIGKILL');
    await second.ended;
    const third = new Caller(await urlOf(startNode(t, [MAIN, ...serving(first.directory)])));
    assert.deepEqual(await jobsOf(third), [...found, job_id].toSorted());
    assert.ok(segments.length > 0);
  });
}

async function jobsOf(caller: Caller): Promise<string[]> {
  const { body } = await caller.get('/jobs');
  const list = Object.values(body as object).find((value): value is { job_id: string }[] => Array.isArray(value))!;
  return list.map(({ job_id }) => job_id).toSorted();
}

/** A Node of this system that can't run the command itself. */
function olderNode(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      const path = realpathSync(join(folder, 'node'));
      const version = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (major >= 20 && (major < 24 || (major === 24 && minor < 12))) return path;
    } catch {
      // None there.
    }
  }
  return undefined;
}
