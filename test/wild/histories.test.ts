/**
 * Whatever happens to a fleet, whoever writes it, and wherever and in which zone it is written, a check at any moment agrees with it.
 *
 * More: `node test/wild/histories-main.ts --histories 10000`, and `--system postgres --histories 200` for each server.
 */
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../processes/tmon.ts';
import { mariadbAbsent } from '../servers/mariadb.ts';
import { postgresqlAbsent } from '../servers/postgresql.ts';
import { extent } from '../thorough.ts';
import { startPythonReporters, TypescriptReporters } from './reporters.ts';
import { type Server, type ServerKind, startServer } from './servers.ts';
import { runTrial } from './trial.ts';

const FILES = extent(60, 25);
const EACH_SERVER = extent(5, 2);

async function runTrials(t: TestContext, histories: number, server?: Server): Promise<void> {
  const folder = temporaryDirectory(t);
  const reporters = { typescript: new TypescriptReporters(), python: await startPythonReporters(t) };
  for (let seed = 1; seed <= histories; seed += 1) {
    await runTrial(seed, { folder, reporters, ...(server === undefined ? {} : { server }) });
  }
}

test('a check agrees with the history, in logs, files and tables, in three zones', (t) => runTrials(t, FILES));

const SERVERS: [ServerKind, absent: string | undefined][] = [
  ['postgres', postgresqlAbsent()],
  ['mysql', mariadbAbsent()],
  ['s3', undefined],
  ['http', undefined],
];
for (const [kind, absent] of SERVERS) {
  test(`a check agrees with the history in ${kind}`, { skip: absent ?? false }, async (t) => {
    const saved = { ...process.env };
    t.after(() => {
      process.env = saved;
    });
    await runTrials(t, EACH_SERVER, await startServer(kind, t));
  });
}
