/** Servers that hold the histories of `histories-main.ts`, one after the other; each is started once. */
import { CloudWatchLogsClient, CreateLogGroupCommand, DeleteLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { type Dialect, JOB_STATUS_COLUMNS } from '../../protocol/job-status-rows.ts';
import { dynamoCreateTable, JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { offsetInZone, type Zone } from '../../protocol/zone.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { JumpingClock } from '../servers/jumping-clock.ts';
import { startMariadb } from '../servers/mariadb.ts';
import { openMonitor } from '../servers/monitor.ts';
import { motoCredentials, motoSettings, startMoto } from '../servers/moto.ts';
import { startPostgresql } from '../servers/postgresql.ts';
import type { Reported } from './fleet-history.ts';
import type { Reporters } from './reporters.ts';
import { lastOfEach, localTime, reportedTo, type System, WORDS } from './systems.ts';

export const SERVERS = ['postgres', 'mysql', 's3', 'dynamodb', 'cloudwatch-logs', 'http'] as const;
export type ServerKind = (typeof SERVERS)[number];

export type Place = { zone: Zone; from_ms: number; seed: number };

/** Where a history is written: by reporters, or, where people do that, by hand with local times. */
export interface Server {
  reported(reporters: Reporters, place: Place): Promise<System>;
  byHand?(form: TimeColumn, place: Place): Promise<System>;
}

/** The type of the columns of times in a table made by hand. */
export type TimeColumn = 'TIMESTAMP' | 'VARCHAR(40)' | 'BIGINT';
export const TIME_COLUMNS: readonly TimeColumn[] = ['TIMESTAMP', 'VARCHAR(40)', 'BIGINT'];

/** Sets what AWS clients and reporters need in the environment. */
export async function startServer(kind: ServerKind, t: Cleaning): Promise<Server> {
  switch (kind) {
    case 'postgres':
      return await startPostgres(t);
    case 'mysql':
      return await startMysql(t);
    case 'http':
      return monitors();
    default:
      return await startAws(kind, t);
  }
}

type Tables = { dialect: Dialect; url: string; ask(statement: string, values?: unknown[]): Promise<unknown> };

function tables({ dialect, url, ask }: Tables, setZone: (zone: Zone) => Promise<void>): Server {
  const mark = (index: number) => (dialect === 'postgres' ? `$${index + 1}` : '?');
  return {
    async reported(reporters, { zone }) {
      await setZone(zone);
      await ask('DROP TABLE IF EXISTS job_status');
      await ask(JOB_STATUS_SQL[dialect].create);
      return reportedTo(url, reporters);
    },
    async byHand(form, { zone }) {
      await setZone(0);
      await ask('DROP TABLE IF EXISTS work');
      const type = form === 'TIMESTAMP' && dialect === 'mysql' ? 'DATETIME(3)' : form;
      await ask(`CREATE TABLE work (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20), started_at ${type},
        updated_at ${type}, percentage INT, error_message TEXT)`);
      const at = (time_ms: number | null) =>
        time_ms === null || form === 'BIGINT' ? time_ms : localTime(time_ms, zone).replace('T', ' ');
      return {
        url: `${url}?table=work`,
        async write(reports: readonly Reported[]) {
          for (const { job_id, worker_id, state, started_ms, percentage, error, at_ms } of lastOfEach(reports)) {
            await ask(`DELETE FROM work WHERE job_id = ${mark(0)}`, [job_id]);
            const values = [job_id, worker_id, WORDS[state], at(started_ms), at(at_ms), percentage, error];
            await ask(
              `INSERT INTO work VALUES (${JOB_STATUS_COLUMNS.map((_, index) => mark(index)).join(', ')})`,
              values,
            );
          }
        },
        async close() {},
      };
    },
  };
}

/** Its own zone is that of the history: the reporters and the reader have sessions in it. */
async function startPostgres(t: Cleaning): Promise<Server> {
  const server = await startPostgresql();
  const client = new pg.Client(server.url);
  t.after(async () => {
    await client.end();
    await server.stop();
  });
  await client.connect();
  const ask = (statement: string, values?: unknown[]) => client.query(statement, values);
  return tables({ dialect: 'postgres', url: server.url, ask }, async (zone) => {
    const name = typeof zone === 'string' ? zone : zone === 330 ? 'Asia/Kolkata' : 'UTC';
    await ask(`ALTER DATABASE ${client.escapeIdentifier(client.database!)} SET timezone = '${name}'`);
  });
}

async function startMysql(t: Cleaning): Promise<Server> {
  const server = await startMariadb();
  const connection = await createConnection(server.url);
  t.after(async () => {
    await connection.end();
    await server.stop();
  });
  const ask = (statement: string, values?: unknown[]) => connection.query(statement, values);
  return tables({ dialect: 'mysql', url: server.url, ask }, async (zone) => {
    // It has no names of zones.
    const minutes = offsetInZone(Date.now(), zone);
    const two = (value: number) => String(Math.trunc(value)).padStart(2, '0');
    const size = Math.abs(minutes);
    await ask(`SET GLOBAL time_zone = '${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}'`);
  });
}

async function startAws(kind: 's3' | 'dynamodb' | 'cloudwatch-logs', t: Cleaning): Promise<Server> {
  const moto = await startMoto();
  t.after(() => moto.stop());
  Object.assign(process.env, motoSettings(moto.endpoint));
  const settings = { endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials };
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const dynamodb = new DynamoDBClient(settings);
  const logs = new CloudWatchLogsClient(settings);
  t.after(() => {
    for (const one of [s3, dynamodb, logs]) one.destroy();
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'histories' }));
  return {
    async reported(reporters, { seed }) {
      const made = `history-${seed}`;
      if (kind === 's3') return reportedTo(`s3://histories/${made}`, reporters);
      if (kind === 'dynamodb') await dynamodb.send(new CreateTableCommand(dynamoCreateTable(made)));
      else await logs.send(new CreateLogGroupCommand({ logGroupName: made }));
      const system = reportedTo(`${kind}://${made}`, reporters);
      return {
        ...system,
        async close() {
          await system.close();
          if (kind === 'dynamodb') await dynamodb.send(new DeleteTableCommand({ TableName: made }));
          else await logs.send(new DeleteLogGroupCommand({ logGroupName: made }));
        },
      };
    },
  };
}

const WORKERS_CHECKED_WITHIN_MS = 5_000;

/** A monitor for each history, whose clock is where the history is. */
function monitors(): Server {
  return {
    async reported(reporters, { from_ms }) {
      const cleaning: (() => void | Promise<void>)[] = [];
      const clock = new JumpingClock();
      clock.jump(from_ms - clock.now());
      const monitor = await openMonitor({ after: (run) => void cleaning.push(run) }, { clock });
      const system = reportedTo(monitor.url, reporters);
      return {
        ...system,
        async write(reports) {
          for (const told of reports) {
            if (told.at_ms > clock.now()) clock.jump(told.at_ms - clock.now());
            await system.write([told]);
          }
        },
        async reach(now_ms) {
          if (now_ms > clock.now()) clock.jump(now_ms - clock.now());
          // It looks at its workers from time to time.
          await clock.pass(WORKERS_CHECKED_WITHIN_MS);
        },
        async close() {
          await system.close();
          for (const run of cleaning) await run();
        },
      };
    },
  };
}
