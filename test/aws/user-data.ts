/**
 * The user data of the template's workers: the files that it writes, and its script that reads an instance's tags, run
 * here.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';
import { serveHttp } from '../servers/serve-http.ts';

/** A file that the user data writes. */
export const fileIn = (userData: string, path: string): string =>
  new RegExp(`cat >${path} <<'(\\w+)'\\n([\\s\\S]*?)\\n\\1\\n`).exec(userData)![2]!;

/** The contents of the instance metadata service, by path: `instance-id`, `tags/instance/tmon:worker_id`. */
export type Metadata = Record<string, string | undefined>;

/**
 * Runs the script that determines the worker's identity; pauses take no time. Returns the lines of its environment
 * file.
 */
export async function readIdentity(t: Cleaning, userData: string, metadata: Metadata): Promise<string[]> {
  const address = await startMetadata(t, metadata);
  const file = join(temporaryDirectory(t), 'env');
  const script = fileIn(userData, '/usr/local/bin/tmon-worker-identity')
    .replaceAll('169.254.169.254', address)
    .replaceAll('/run/tmon-worker.env', file)
    .replaceAll('sleep 1', ':');
  const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (bytes) => {
    output += bytes;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}

/** A metadata service that requires version 2. */
async function startMetadata(t: Cleaning, metadata: Metadata): Promise<string> {
  const server = await serveHttp(({ method, url = '', headers }, response) => {
    const value = metadata[url.replace('/latest/meta-data/', '')];
    if (method === 'PUT' && url === '/latest/api/token') response.end('token-1');
    else if (headers['x-aws-ec2-metadata-token'] !== 'token-1') response.writeHead(401).end();
    else if (value === undefined) response.writeHead(404).end('<html>Not Found</html>');
    else response.end(value);
  });
  t.after(server.stop);
  return new URL(server.endpoint).host;
}
