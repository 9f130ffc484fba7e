/** The contenders: the server of each, its clients, and what a crash of the machine may lose. */
import type { Work } from './clients/client.ts';
import type { Programs } from './programs.ts';
import { startMonitorProcess } from './servers/monitor.ts';
import { startPostgresql } from './servers/postgresql.ts';
import { startRedis } from './servers/redis.ts';
import type { StartServer } from './servers/server.ts';

export type Contender = {
  /** For `--only`. */
  name: string;
  title: string;
  kind: Exclude<Work['kind'], 'submits' | 'updates'>;
  start: StartServer;
  /** File of its client process, in clients/, and its other arguments. */
  client: string;
  client_arguments?: string[];
  /** What may be lost in a power cut although it was acknowledged. */
  may_lose: string;
  /** The same contender of this checkout, if this one is another checkout's. */
  beside?: string;
};

/** The contender with which all others are compared. */
export const YARDSTICK = 'bullmq-always';

/** Needed by one connection for many workers: it may send more per second than one worker's may. */
const GATEWAY = ['--socket-messages-per-second', '1000000'];

/** All contenders; with `beside`, each monitor is followed by that of another checkout. */
export function contenders(programs: Programs, beside: string | null): Contender[] {
  const here = contendersOf(programs);
  if (beside === null) return here;
  const there = new Map(contendersOf(programs, beside).map((contender) => [contender.name, contender]));
  return here.flatMap((contender) => {
    const { name, title } = contender;
    if (!name.startsWith('monitor')) return [contender];
    return [contender, { ...there.get(name)!, name: `${name}-beside`, title: `${title}; ${beside}`, beside: name }];
  });
}

function contendersOf({ redis, postgresql }: Programs, checkout?: string): Contender[] {
  const monitor =
    (settings: readonly string[] = []): StartServer =>
    (folder) =>
      startMonitorProcess(folder, { settings, ...(checkout !== undefined && { checkout }) });
  const list: (Contender | false)[] = [
    redis !== null && {
      name: YARDSTICK,
      title: 'BullMQ, Redis appendfsync always',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq.ts',
      may_lose: 'nothing',
    },
    {
      name: 'monitor',
      title: 'transcription-monitor, one request an update',
      kind: 'lifecycles',
      start: monitor(),
      client: 'monitor.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket',
      title: 'transcription-monitor, one call an update, one WebSocket for all',
      kind: 'lifecycles',
      start: monitor(GATEWAY),
      client: 'monitor-websocket.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket-apart',
      title: 'the same, a WebSocket a client',
      kind: 'lifecycles',
      start: monitor(),
      client: 'monitor-websocket.ts',
      client_arguments: ['apart'],
      may_lose: 'progress of the last 20 ms',
    },
    redis !== null && {
      name: 'bullmq-always-apart',
      title: 'BullMQ always, a connection a client',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq.ts',
      client_arguments: ['apart'],
      may_lose: 'nothing',
    },
    redis !== null && {
      name: 'bullmq-everysec',
      title: 'BullMQ, Redis appendfsync everysec',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'everysec'),
      client: 'bullmq.ts',
      may_lose: 'everything of the last second, jobs too',
    },
    postgresql !== null && {
      name: 'job-status-table',
      title: 'job_status table, PostgreSQL',
      kind: 'lifecycles',
      start: (folder) => startPostgresql(folder, postgresql),
      client: 'job-status-table.ts',
      may_lose: 'nothing',
    },
    {
      name: 'monitor-batches',
      title: 'transcription-monitor, in batches',
      kind: 'batches',
      start: monitor(),
      client: 'monitor.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket-batches',
      title: 'the same over one WebSocket for all',
      kind: 'batches',
      start: monitor(GATEWAY),
      client: 'monitor-websocket.ts',
      may_lose: 'progress of the last 20 ms',
    },
    redis !== null && {
      name: 'bullmq-always-batches',
      title: 'BullMQ addBulk and Worker, appendfsync always',
      kind: 'batches',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq-batches.ts',
      may_lose: 'nothing',
    },
  ];
  return list.filter((one) => one !== false);
}
