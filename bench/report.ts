/** The figures as a table for people; `--json` writes the same, with every turn. */
import type { Contender } from './contenders.ts';
import { YARDSTICK } from './contenders.ts';
import type { Options } from './options.ts';
import type { ArchiveFigures } from './parts/archive.ts';
import type { ColdStart } from './parts/cold-start.ts';
import type { CommitLatency } from './parts/commit-latency.ts';
import type { FeedFigures } from './parts/feed.ts';
import type { FromInside } from './parts/in-one-process.ts';
import type { ProgressUpdates } from './parts/progress-updates.ts';
import type { Turn } from './race.ts';
import { median } from './statistics.ts';

export type RaceRow = {
  contender: string;
  title: string;
  /** Median of the rounds. */
  lifecycles_per_second: number;
  /** Median of the rounds' ratios to BullMQ on `appendfsync always` in the same round; null without that contender. */
  ratio: number | null;
  /** Median of the rounds' ratios to another checkout's monitor doing the same in the same round; null without one. */
  beside_ratio: number | null;
  client_cpu_ms: number;
  server_cpu_ms: number;
  others_cpu: number;
  may_lose: string;
};

export type Figures = {
  machine: { cpu: string; memory_gb: number; node: string; load_before: number };
  options: Options;
  race: RaceRow[];
  turns: Turn[];
  updates: ProgressUpdates[];
  latency: CommitLatency[];
  cold_start: ColdStart | null;
  inside: FromInside | null;
  feed: FeedFigures | null;
  archive: ArchiveFigures | null;
};

export function summarise(contenders: readonly Contender[], turns: readonly Turn[]): RaceRow[] {
  return contenders.flatMap(({ name, title, may_lose }) => {
    const own = turns.filter(({ contender }) => contender === name);
    if (own.length === 0) return [];
    const of = (field: Exclude<keyof Turn, 'contender'>) => median(own.map((turn) => turn[field]));
    const ratioTo = (other: string | undefined): number | null => {
      const ratios = own.flatMap(({ round, lifecycles_per_second }) => {
        const turn = turns.find(({ contender, round: its }) => contender === other && its === round);
        return turn === undefined ? [] : [lifecycles_per_second / turn.lifecycles_per_second];
      });
      return ratios.length > 0 ? median(ratios) : null;
    };
    return [
      {
        contender: name,
        title,
        lifecycles_per_second: of('lifecycles_per_second'),
        ratio: ratioTo(YARDSTICK),
        beside_ratio: ratioTo(contenders.find(({ beside }) => beside === name)?.name),
        client_cpu_ms: of('client_cpu_ms'),
        server_cpu_ms: of('server_cpu_ms'),
        others_cpu: of('others_cpu'),
        may_lose,
      },
    ];
  });
}

export function printFigures({
  machine,
  options,
  race,
  updates,
  latency,
  cold_start,
  inside,
  feed,
  archive,
}: Figures): void {
  const print = (line = '') => process.stdout.write(`${line}\n`);
  print(`${machine.cpu}, ${machine.memory_gb} GB, Node ${machine.node}`);
  if (race.length > 0) {
    print();
    print(
      `Lifecycles: submit, claim, 10 progress updates, complete; ${options.clients} clients, ${options.lifecycles} jobs a round, ` +
        `median of ${options.rounds} rounds; batches of ${options.batch}`,
    );
    table(
      [
        '',
        'lifecycles/s',
        '÷ BullMQ always',
        '÷ beside',
        'CPU ms: server',
        'clients',
        'others’ CPU',
        'a power cut may take',
      ],
      race.map((row) => [
        row.title,
        Math.round(row.lifecycles_per_second).toLocaleString('en'),
        row.ratio === null ? '-' : row.ratio.toFixed(2),
        row.beside_ratio === null ? '-' : row.beside_ratio.toFixed(2),
        row.server_cpu_ms.toFixed(2),
        row.client_cpu_ms.toFixed(2),
        `${Math.round(row.others_cpu * 100)} %`,
        row.may_lose,
      ]),
      print,
    );
  }
  if (updates.length > 0) {
    print();
    print(`Progress updates, each acknowledged; ${options.clients} clients, median of ${options.rounds} rounds`);
    table(
      ['', 'updates/s', '÷ a request each', '÷ beside', 'CPU µs: server', 'clients'],
      updates.map((row) => [
        row.title,
        Math.round(row.updates_per_second).toLocaleString('en'),
        row.ratio === null ? '-' : row.ratio.toFixed(2),
        row.beside_ratio === null ? '-' : row.beside_ratio.toFixed(2),
        row.server_cpu_us.toFixed(0),
        row.client_cpu_us.toFixed(0),
      ]),
      print,
    );
  }
  if (latency.length > 0) {
    print();
    print('Commit latency: a new job, acknowledged once it is as durable as the contender makes it');
    table(
      ['', 'clients', 'p50', 'p99'],
      latency.map(({ contender, clients, p50_ms, p99_ms }) => [
        contender,
        String(clients),
        `${p50_ms.toFixed(2)} ms`,
        `${p99_ms.toFixed(2)} ms`,
      ]),
      print,
    );
  }
  const figures: string[][] = [];
  if (cold_start) {
    const { ready_ms, node_ms, modules_ms, recovery_ms } = cold_start;
    figures.push(
      ['cold start, 100,000 active jobs, 1,000 segments after the snapshot', ms(ready_ms), '≤ 2000 ms'],
      ['  Node', ms(node_ms), ''],
      ['  modules, until it listens', ms(modules_ms), ''],
      ['  recovery, until it is ready', ms(recovery_ms), ''],
    );
  }
  if (inside) {
    const { heap_bytes_per_job, heap_empty_bytes, snapshot_ms, stall_max_ms, stall_p99_ms, idle_stall_max_ms } = inside;
    figures.push(
      ['heap per active job', `${(heap_bytes_per_job / 1000).toFixed(2)} kB`, '≤ 2.5 kB'],
      ['heap of the empty monitor', `${(heap_empty_bytes / 1e6).toFixed(0)} MB`, ''],
      ['a snapshot of 100,000 jobs takes', ms(snapshot_ms), ''],
      ['  and blocks the event loop for at most', ms(stall_max_ms), ''],
      ['  p99 of its turns', ms(stall_p99_ms), ''],
      ['  at most, without a snapshot', ms(idle_stall_max_ms), ''],
    );
  }
  if (feed) figures.push(...feedRows(feed));
  if (archive) figures.push(...archiveRows(archive));
  if (figures.length > 0) {
    print();
    table(['', '', 'aim'], figures, print);
  }
}

function archiveRows({ jobs, finished_s, written_s, archive, views, all, start }: ArchiveFigures): string[][] {
  const kilobytes = (bytes: number) => `${(bytes / jobs / 1000).toFixed(2)} kB`;
  return [
    ['finished jobs', jobs.toLocaleString('en'), ''],
    ['  finished after, all written after', `${finished_s.toFixed(0)} s, ${written_s.toFixed(0)} s`, ''],
    ['  objects of the archive', archive.files.toLocaleString('en'), ''],
    ['  on the disk a job: archive', kilobytes(archive.bytes), ''],
    ['  files a job in views, on the disk', `${(views.files / jobs).toFixed(3)}, ${kilobytes(views.bytes)}`, ''],
    ['  files a job in all, on the disk', `${(all.files / jobs).toFixed(3)}, ${kilobytes(all.bytes)}`, ''],
    ['  start, of which recovery', `${ms(start.ready_ms)}, ${ms(start.recovery_ms)}`, '≤ 3000 ms'],
    ['  memory once ready', `${(start.ready_rss_bytes / 1e6).toFixed(0)} MB`, ''],
  ];
}

function feedRows(feed: FeedFigures): string[][] {
  const { subscribers, bytes_per_message, stalled, monitor_per_second, ws_per_second } = feed;
  const rate = (value: number) => `${Math.round(value).toLocaleString('en')}/s`;
  return [
    [`deliveries to ${subscribers} subscribers, ${bytes_per_message} bytes each`, rate(monitor_per_second), ''],
    ['  of a bare ws broadcast', rate(ws_per_second), ''],
    ['  ratio', feed.ratio.toFixed(2), '≥ 0.8'],
    ['  one job a request', rate(feed.lone_monitor_per_second), ''],
    ['  ratio, one job a request', feed.lone_ratio.toFixed(2), '≥ 0.8'],
    ['  p99 from decision, over the commit, to the client', ms(feed.p99_ms), ''],
    ['  p99 of a bare ws broadcast, from its sending', ms(feed.ws_p99_ms), ''],
    [`  change of p99 by ${stalled} stalled readers`, `${(feed.stalled_p99_change * 100).toFixed(0)} %`, '≤ 10 %'],
    ['memory an idle connection', `${(feed.idle_bytes / 1000).toFixed(1)} kB`, ''],
    ['  of a bare ws server', `${(feed.ws_idle_bytes / 1000).toFixed(1)} kB`, ''],
  ];
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** The first column left-aligned, figures right-aligned, the last column left-aligned. */
function table(head: string[], rows: string[][], print: (line: string) => void): void {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (i === 0 || i === cells.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ');
  for (const cells of [head, widths.map((width) => '-'.repeat(width)), ...rows]) print(line(cells).trimEnd());
}
