/**
 * Schemathesis against a monitor, with a key of each role: requests made of the API document, right ones and wrong ones. No
 * response may be a 5xx, have a status, type, header or body that the document does not promise, or come without a key that the
 * document asks for.
 */
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { KEY_ROLES, type KeyRole } from '../../protocol/api-keys.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { type Cleaning, startProgram, startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { ADMIN_KEY } from '../servers/monitor.ts';

export const schemathesisEnvironment = { name: 'schemathesis', requirements: ['schemathesis==4.32.5'] };

const CONFIG = fileURLToPath(new URL('schemathesis.toml', import.meta.url));

/** What the document cannot express, and why each is left out. */
const EXCLUDED = [
  // Ids that follow from each other, times in order, labels of a language of their own: 400 for what the schema accepts.
  'positive_data_acceptance',
  // Not of HTTP's semantics here: DELETE cancels a job, and the job stays.
  'use_after_free',
  'ensure_resource_availability',
  // Needs the objects of two users: test/tenants has them.
  'object_level_authorization',
];

export type RoleReport = { role: KeyRole; ok: boolean; output: string };

export async function runSchemathesis(
  t: Cleaning,
  { roles = KEY_ROLES, examples, seed }: { roles?: readonly KeyRole[]; examples: number; seed: number },
): Promise<RoleReport[]> {
  const { bin } = await ensurePythonEnvironment(schemathesisEnvironment);
  const reports: RoleReport[] = [];
  for (const role of roles) {
    const monitor = await startTestMonitor(t, { store: 'memory:', admin_key_hash: hashOfKey(ADMIN_KEY) });
    const made = await fetch(`${monitor.url}/api/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ role }),
    });
    const { key } = (await made.json()) as { key: string };
    const run = startProgram(
      t,
      `${bin}/schemathesis`,
      [
        '--config-file',
        CONFIG,
        'run',
        `${monitor.url}/api/v1/openapi.json`,
        '--header',
        `Authorization: Bearer ${key}`,
        '--checks',
        'all',
        '--exclude-checks',
        EXCLUDED.join(','),
        // The feed never ends, and a claim waits.
        '--exclude-operation-id',
        'events.follow',
        '--phases',
        'examples,coverage,fuzzing',
        '--max-examples',
        String(examples),
        '--seed',
        String(seed),
        '--continue-on-failure',
        '--request-timeout',
        '30',
        '--suppress-health-check',
        'all',
        '--warnings',
        'off',
        // It keeps what it found, with the key, in a folder of the directory it runs in.
      ],
      { directory: temporaryDirectory(t) },
    );
    const { code, stdout, stderr } = await run.ended;
    reports.push({ role, ok: code === 0, output: `${stdout}${stderr}` });
    await monitor.stop();
  }
  return reports;
}
