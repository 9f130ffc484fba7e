/**
 * How fast a log is read into sightings, and with how much memory: `node bench/log-lines.ts [LINES]`.
 *
 * A log of so many lines (default: a million) is generated, in both forms and with a fifth of noise, and read by the
 * source of `tmon import` and `tmon logs`, in separate processes: a tenth of it for the memory of a short log, then all
 * of it, three times.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLogFile } from '../sources/log-lines/file.ts';
import { makeLog } from '../test/logs/make-log.ts';

type Run = { lines: number; events: number; wall_ms: number; cpu_ms: number; rss_mib: number };

const [first = '1000000', second] = process.argv.slice(2);
if (first === '--read') await read(second!);
else compare(Number(first));

/** The child: one reading, reported as JSON. */
async function read(path: string): Promise<void> {
  const cpu = process.cpuUsage();
  const start_ms = performance.now();
  const run: Run = { lines: 0, events: 0, wall_ms: 0, cpu_ms: 0, rss_mib: 0 };
  const source = openLogFile(path, { last_line: 'take' });
  for await (const reading of source.read({ since_ms: 0, signal: new AbortController().signal })) {
    run.lines += reading.looked_at;
    run.events += reading.sightings.length;
  }
  const { user, system } = process.cpuUsage(cpu);
  run.wall_ms = performance.now() - start_ms;
  run.cpu_ms = (user + system) / 1000;
  run.rss_mib = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify(run));
}

function compare(lines: number): void {
  const directory = mkdtempSync(join(tmpdir(), 'tmon-log-lines-'));
  try {
    const short = join(directory, 'short.log');
    const long = join(directory, 'long.log');
    makeLog(short, { lines: lines / 10 });
    const { bytes } = makeLog(long, { lines });
    console.log(`${lines} lines, ${Math.round(bytes / 1024 / 1024)} MiB`);
    for (const path of [short, long, long, long]) {
      const args = [fileURLToPath(import.meta.url), '--read', path];
      const run = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Run;
      const perSecond = (ms: number) => Math.round((run.lines / ms) * 1000).toLocaleString('en');
      console.log(
        `${run.lines} lines: ${perSecond(run.wall_ms)} lines/s, ${perSecond(run.cpu_ms)} a second of processor time, peak ${Math.round(run.rss_mib)} MiB`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
