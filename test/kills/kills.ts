/**
 * Kills workers by SIGKILL after they have reported a failure, at different moments and with different systems, then
 * starts the worker once more for each system and looks for every failure there.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { type Cleaning, startNode } from '../processes/tmon.ts';
import { openMonitor } from '../servers/monitor.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';

/** `told`: when the call has returned and the process runs on; `later`: a second after that. */
export const MOMENTS = ['at once', 'told', 'later'] as const;
export type Moment = (typeof MOMENTS)[number];
export type Language = 'typescript' | 'python';

export type Killed = {
  system: string;
  moment: Moment;
  /** Before the worker was started once more. */
  arrivedBefore: boolean;
  arrived: boolean;
};

type System = { name: string; url: string; hasFailed: (job_id: string) => Promise<boolean> };

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SDK = fileURLToPath(new URL('../../sdk/python/src', import.meta.url));
const AT_ONCE = 3;

export async function killWorkers(
  t: Cleaning,
  { language, kills, moments }: { language: Language; kills: number; moments: readonly Moment[] },
): Promise<Killed[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tmon-kills-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const python = language === 'python';
  const node = python ? (await ensurePythonEnvironment(await pythonSdkEnvironment())).python : process.execPath;
  const program = join(HERE, python ? 'worker.py' : 'worker.ts');
  const environment = { TMON_SPOOL: join(folder, 'spool'), PYTHONPATH: SDK, PYTHONDONTWRITEBYTECODE: '1' };
  const start = (...args: string[]) => startNode(t, [program, ...args], { node, environment });
  const systems = await systemsIn(folder, t);

  const killed: Killed[] = [];
  const checks: (() => Promise<void>)[] = [];
  const left = Array.from({ length: kills }, (_, n) => n);
  const work = async (): Promise<void> => {
    for (let n = left.shift(); n !== undefined; n = left.shift()) {
      const system = systems[n % systems.length]!;
      const moment = moments[Math.floor(n / systems.length) % moments.length]!;
      const job_id = `job-${n}`;
      const worker = start(system.url, job_id, moment);
      if (moment !== 'at once') await worker.line(/^told$/);
      if (moment === 'later') await sleep(1000);
      if (moment !== 'at once') worker.kill('SIGKILL');
      const { signal, stderr } = await worker.ended;
      if (signal !== 'SIGKILL') throw new Error(`the worker ended by itself: ${stderr}`);
      const one = { system: system.name, moment, arrivedBefore: await system.hasFailed(job_id), arrived: false };
      killed.push(one);
      checks.push(async () => {
        one.arrived = await system.hasFailed(job_id);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { url } of systems) await start(url).ended;
  for (const check of checks) await check();
  return killed;
}

async function systemsIn(folder: string, t: Cleaning): Promise<System[]> {
  const database = new DatabaseSync(join(folder, 'jobs.db'), { timeout: 5000 });
  database.exec(JOB_STATUS_SQL.sqlite.create);
  t.after(() => database.close());
  const status = database.prepare("SELECT 1 FROM job_status WHERE job_id = ? AND status = 'FAILED'");
  const monitor = await openMonitor(t);
  const textOf = (file: string): string => {
    try {
      return readFileSync(join(folder, file), 'utf8');
    } catch {
      return '';
    }
  };
  return [
    {
      name: 'log:',
      url: `log:${folder}/worker.log`,
      hasFailed: async (job_id) => textOf('worker.log').includes(`{"event": "JOB_FAILED", "job_id": "${job_id}", `),
    },
    {
      name: 'dir:',
      url: `dir:${folder}/status`,
      hasFailed: async (job_id) => /"status": ?"FAILED"/.test(textOf(`status/jobs/${job_id}.json`)),
    },
    {
      name: 'sqlite:',
      url: `sqlite:${folder}/jobs.db`,
      hasFailed: async (job_id) => status.get(job_id) !== undefined,
    },
    {
      name: 'http:',
      url: monitor.url,
      hasFailed: async (job_id) => (await monitor.get<{ state?: string }>(`/jobs/${job_id}`)).body.state === 'FAILED',
    },
  ];
}
