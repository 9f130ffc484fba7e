/**
 * What finished jobs leave behind: so many jobs are finished, as many of them as possible leave the monitor's memory,
 * and the files on the disk are counted. Then the monitor is started again on them.
 */
import { lstatSync, opendirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from '../contenders.ts';
import { Entrant } from '../race.ts';
import { startMonitorProcess } from '../servers/monitor.ts';
import { cpuSecondsOf, inFolder, type RunningServer } from '../servers/server.ts';
import { type ColdStart, measureColdStart } from './cold-start.ts';

type Files = { files: number; bytes: number };

export type ArchiveFigures = {
  jobs: number;
  /** Until all were finished, and until everything about them was written. */
  finished_s: number;
  written_s: number;
  /** On the disk, in blocks of the file system: the archive, the per-job views, and everything. */
  archive: Files;
  views: Files;
  all: Files;
  start: ColdStart;
};

/**
 * Few jobs stay in memory after their end, and few commands: as a day later, when their repetitions are no longer
 * expected.
 */
const SETTINGS = ['--finished-max', '1000', '--commands-max', '1000'];

export async function measureArchive(
  folder: string,
  { finished, clients, batch }: { finished: number; clients: number; batch: number },
  say: (line: string) => void,
): Promise<ArchiveFigures> {
  return inFolder(folder, async (own) => {
    let server: RunningServer | undefined;
    const contender: Contender = {
      name: 'monitor-batches',
      title: 'transcription-monitor, in batches',
      kind: 'batches',
      async start(at) {
        server = await startMonitorProcess(at, { settings: SETTINGS });
        return server;
      },
      client: 'monitor.ts',
      may_lose: 'progress of the last 20 ms',
    };
    const began_ms = performance.now();
    const entrant = await Entrant.start(contender, own, clients);
    await entrant.run({ kind: 'batches', jobs: finished, clients, batch });
    const finished_s = (performance.now() - began_ms) / 1000;
    say(`archive: ${finished.toLocaleString('en')} jobs are finished after ${finished_s.toFixed(0)} s`);
    server!.resume();
    await untilIdle(server!.pid);
    const written_s = (performance.now() - began_ms) / 1000;
    say(`archive: all is written after ${written_s.toFixed(0)} s`);
    await entrant.stop();
    await takeSnapshot(own);
    const store = join(own, 'store');
    const archive = count(join(store, 'archive'));
    const views = count(join(store, 'jobs'));
    const all = count(store);
    return { jobs: finished, finished_s, written_s, archive, views, all, start: await measureColdStart(store) };
  });
}

/** Like the hourly one: the newest so far is of a time when most of the jobs were in memory. */
async function takeSnapshot(folder: string): Promise<void> {
  const server = await startMonitorProcess(folder, { settings: [...SETTINGS, '--snapshot-segments', '1'] });
  const body = JSON.stringify({ audio_url: 's3://recordings/last.mp3' });
  await fetch(`${server.url}/api/v1/jobs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  await untilIdle(server.pid);
  await server.stop();
}

/** Resolves once the process has used almost no CPU for five seconds. */
async function untilIdle(pid: number): Promise<void> {
  for (let quiet = 0; quiet < 5; ) {
    const before_s = cpuSecondsOf(pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    quiet = cpuSecondsOf(pid) - before_s < 0.05 ? quiet + 1 : 0;
  }
}

function count(folder: string): Files {
  const total = { files: 0, bytes: 0 };
  const directory = opendirSync(folder, { bufferSize: 1_000 });
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
    const path = join(folder, entry.name);
    const here = entry.isDirectory() ? count(path) : { files: 1, bytes: lstatSync(path).blocks * 512 };
    total.files += here.files;
    total.bytes += here.bytes;
  }
  directory.closeSync();
  return total;
}
