/**
 * `node test/security/secrets-main.ts --keys 1000`: looks for the secrets of a thousand keys, sessions, tickets, tokens and
 * links in the store, the log, the errors and the memory of a monitor (secrets.ts). Exit code 1 if there is one.
 */
import { parseArgs } from 'node:util';
import { lookForSecrets } from './secrets.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '1000' } } });
const cleaning: (() => void | Promise<void>)[] = [];
try {
  const { found, ...report } = await lookForSecrets({ after: (run) => void cleaning.push(run) }, Number(values.keys));
  for (const { where, around } of found.slice(0, 20)) console.log(`FOUND in ${where}: ${around}`);
  console.log(JSON.stringify({ ...report, found: found.length }));
  if (found.length > 0) process.exitCode = 1;
} finally {
  for (const run of cleaning.reverse()) await run();
}
