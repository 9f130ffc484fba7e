/**
 * `node test/security/schemathesis-main.ts --examples 20`: schemathesis with a key of each role (schemathesis.ts). Prints what it
 * found; exit code 1 if there is something. `--role read` for one of them.
 */
import { parseArgs } from 'node:util';
import { KEY_ROLES } from '../../protocol/api-keys.ts';
import { runSchemathesis } from './schemathesis.ts';

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '7' },
    role: { type: 'string' },
  },
});
const roles = KEY_ROLES.filter((role) => values.role === undefined || role === values.role);
const cleaning: (() => void | Promise<void>)[] = [];
try {
  const options = { roles, examples: Number(values.examples), seed: Number(values.seed) };
  const reports = await runSchemathesis({ after: (run) => void cleaning.push(run) }, options);
  for (const { ok, output } of reports) if (!ok) console.log(output);
  for (const { role, ok, output } of reports) {
    const summary = output.trimEnd().split('\n').at(-1);
    console.log(`${role}: ${ok ? 'nothing found' : 'FOUND'}; ${summary}`);
  }
  if (reports.some(({ ok }) => !ok)) process.exitCode = 1;
} finally {
  for (const run of cleaning.reverse()) await run();
}
