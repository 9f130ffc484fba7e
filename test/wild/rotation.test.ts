/** A log that is written and rotated by logrotate while it is followed: every line that is in some file was read. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { openLogFile } from '../../sources/log-lines/file.ts';
import { temporaryDirectory } from '../processes/tmon.ts';
import { findLogrotate } from '../setup/logrotate.ts';

const ROTATIONS = 12;
const ROTATE_EVERY = 900;

/** Writes numbered lines until there is a file `stop`, and to the new file soon after a rotation. */
const WRITER = `
import sys, os, time
path, mode, stop = sys.argv[1], sys.argv[2], sys.argv[3]
log = open(path, mode, buffering=1)
number = -1
while not os.path.exists(stop):
    number += 1
    log.write(f"2026-11-26 19:28:00,{number % 1000:03} INFO JOB_START job_id=job-{number} worker_id=w\\n")
    if number % 20 == 0:
        time.sleep(0.001)
        try:
            moved = os.stat(path).st_ino != os.fstat(log.fileno()).st_ino
        except FileNotFoundError:
            moved = False
        if moved:
            log.close()
            log = open(path, mode, buffering=1)
`;

for (const [name, { mode, how }] of Object.entries({
  'copytruncate, a writer that appends': { mode: 'a', how: 'copytruncate' },
  'copytruncate, a writer that keeps its offset': { mode: 'r+', how: 'copytruncate' },
  'copytruncate and compress': { mode: 'a', how: 'copytruncate\n  compress' },
  'rename and create': { mode: 'a', how: 'create' },
})) {
  test(`no line is lost: ${name}`, async (t) => {
    const logrotate = findLogrotate();
    if (logrotate === undefined) return t.skip('logrotate is not installed: `npm test` installs it');
    const directory = temporaryDirectory(t);
    const path = join(directory, 'worker.log');
    const config = join(directory, 'logrotate.conf');
    const stop = join(directory, 'stop');
    writeFileSync(path, '');
    writeFileSync(config, `"${path}" {\n  rotate 100\n  missingok\n  su root root\n  ${how}\n}\n`, { mode: 0o644 });
    const rotate = () => promisify(execFile)(logrotate, ['--force', '--state', join(directory, 'state'), config]);
    const writer = spawn('python3', ['-c', WRITER, path, mode, stop], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    t.after(() => writer.kill('SIGKILL'));
    const ended = once(writer, 'exit');
    let running = true;
    void ended.then(() => {
      running = false;
    });
    const source = openLogFile(path);
    const read = new Set<string>();
    let position: string | null = null;
    let gaps = 0;
    const look = async () => {
      for await (const { sightings, unreadable, position: next } of source.read({
        since_ms: 0,
        from: position,
        signal: new AbortController().signal,
      })) {
        for (const { job_id } of sightings) read.add(job_id);
        gaps += unreadable.length;
        position = next ?? position;
      }
    };
    let rotations = 0;
    let rotating: Promise<unknown> | null = null;
    while (running) {
      await look().catch((error: unknown) => {
        // Between a rename and the creation of the next file.
        if ((error as { kind?: string }).kind !== 'missing') throw error;
      });
      if (rotating !== null || read.size < (rotations + 1) * ROTATE_EVERY) continue;
      if (rotations === ROTATIONS) writeFileSync(stop, '');
      else {
        rotations += 1;
        rotating = rotate().finally(() => {
          rotating = null;
        });
      }
    }
    await ended;
    await rotating;
    await look();
    const written = new Set<string>();
    for (const file of readdirSync(directory).filter((one) => one.startsWith('worker.log'))) {
      const bytes = readFileSync(join(directory, file));
      const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
      for (const [, id] of text.matchAll(/job_id=(job-\d+) /g)) written.add(id!);
    }
    // logrotate itself loses what is written between its copy and its truncation.
    assert.ok(written.size > 1000, `${written.size} lines are in the files`);
    const lost = [...written].filter((id) => !read.has(id));
    assert.deepEqual(lost, [], `${lost.length} of ${written.size} lines in ${rotations} rotations, ${gaps} gaps`);
    assert.equal(gaps, 0, 'none is said to be missing');
    t.diagnostic(`${written.size} lines, ${rotations} rotations`);
  });
}
