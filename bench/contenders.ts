/** Who is compared: the server of each, its clients, and what a crash of the machine may take from each. */
import type { Work } from './clients/client.ts';
import type { Programs } from './programs.ts';
import { startMonitorProcess } from './servers/monitor.ts';
import { startPostgresql } from './servers/postgresql.ts';
import { startRedis } from './servers/redis.ts';
import type { StartServer } from './servers/server.ts';

export type Contender = {
  /** For `--only`. */
  name: string;
  says: string;
  kind: Exclude<Work['kind'], 'submits' | 'updates'>;
  start: StartServer;
  /** File of its client process, in clients/, and what else it is told. */
  client: string;
  client_arguments?: string[];
  /** What an answer does not promise: what may be gone after a power cut. */
  may_lose: string;
  /** The same contender of this checkout, if this one is another checkout's. */
  beside?: string;
};

/** All others are compared with it. */
export const YARDSTICK = 'bullmq-always';

/** What one connection for many workers needs: it may send more a second than one worker's may. */
const GATEWAY = ['--socket-messages-per-second', '1000000'];

/** All contenders; with `beside`, each monitor is followed by that of another checkout. */
export function contenders(programs: Programs, beside: string | null): Contender[] {
  const here = contendersOf(programs);
  if (beside === null) return here;
  const there = new Map(contendersOf(programs, beside).map((contender) => [contender.name, contender]));
  return here.flatMap((contender) => {
    const { name, says } = contender;
    if (!name.startsWith('monitor')) return [contender];
    return [contender, { ...there.get(name)!, name: `${name}-beside`, says: `${says}; ${beside}`, beside: name }];
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
      says: 'BullMQ, Redis appendfsync always',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq.ts',
      may_lose: 'nothing',
    },
    {
      name: 'monitor',
      says: 'transcription-monitor, one request an update',
      kind: 'lifecycles',
      start: monitor(),
      client: 'monitor.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket',
      says: 'transcription-monitor, one call an update, one WebSocket for all',
      kind: 'lifecycles',
      start: monitor(GATEWAY),
      client: 'monitor-websocket.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket-apart',
      says: 'the same, a WebSocket a client',
      kind: 'lifecycles',
      start: monitor(),
      client: 'monitor-websocket.ts',
      client_arguments: ['apart'],
      may_lose: 'progress of the last 20 ms',
    },
    redis !== null && {
      name: 'bullmq-always-apart',
      says: 'BullMQ always, a connection a client',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq.ts',
      client_arguments: ['apart'],
      may_lose: 'nothing',
    },
    redis !== null && {
      name: 'bullmq-everysec',
      says: 'BullMQ, Redis appendfsync everysec',
      kind: 'lifecycles',
      start: (folder) => startRedis(folder, redis, 'everysec'),
      client: 'bullmq.ts',
      may_lose: 'everything of the last second, jobs too',
    },
    postgresql !== null && {
      name: 'job-status-table',
      says: 'job_status table, PostgreSQL',
      kind: 'lifecycles',
      start: (folder) => startPostgresql(folder, postgresql),
      client: 'job-status-table.ts',
      may_lose: 'nothing',
    },
    {
      name: 'monitor-batches',
      says: 'transcription-monitor, in batches',
      kind: 'batches',
      start: monitor(),
      client: 'monitor.ts',
      may_lose: 'progress of the last 20 ms',
    },
    {
      name: 'monitor-websocket-batches',
      says: 'the same over one WebSocket for all',
      kind: 'batches',
      start: monitor(GATEWAY),
      client: 'monitor-websocket.ts',
      may_lose: 'progress of the last 20 ms',
    },
    redis !== null && {
      name: 'bullmq-always-batches',
      says: 'BullMQ addBulk and Worker, appendfsync always',
      kind: 'batches',
      start: (folder) => startRedis(folder, redis, 'always'),
      client: 'bullmq-batches.ts',
      may_lose: 'nothing',
    },
  ];
  return list.filter((one) => one !== false);
}
