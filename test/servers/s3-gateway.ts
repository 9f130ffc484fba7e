/**
 * A real S3 server on a directory: versitygw, built by `go install` into `.cache/go/bin` by test/setup.
 *
 * 1.8.0 is the first release whose `If-None-Match: *` is atomic; before it, several of many racing writers won.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer, type TestServer } from './start.ts';

export const gatewayModule = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
export const gatewayDirectory = fileURLToPath(new URL('../../.cache/go/bin/', import.meta.url));

/** The version is part of the name, so that another version is another program. */
export const gatewayProgram = join(gatewayDirectory, 'versitygw-v1.8.0');

export const gatewayCredentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };

/** Why it can't be started, or `undefined` if it can. */
export function gatewayAbsent(): string | undefined {
  return existsSync(gatewayProgram) ? undefined : 'versitygw is not built: it needs Go and test/setup (npm test)';
}

export async function startGateway(): Promise<TestServer> {
  const root = await mkdtemp(join(tmpdir(), 'tmon-s3-gateway-'));
  await mkdir(join(root, 'data'));
  const { accessKeyId, secretAccessKey } = gatewayCredentials;
  const server = await startServer({
    command: gatewayProgram,
    args: (port) => ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', 'posix', join(root, 'data')],
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
  });
  return {
    endpoint: server.endpoint,
    stop: async () => {
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
