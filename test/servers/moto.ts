/** `moto_server`: AWS in memory, for tests. Keeps nothing after `stop`. */
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { startServer, type TestServer } from './start.ts';

const PROGRAM = fileURLToPath(new URL('moto_server.py', import.meta.url));

export const motoEnvironment = { name: 'moto', requirements: ['moto[server]==5.2.5'] };

export const motoCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** The environment for AWS clients. */
export const motoSettings = (endpoint: string) => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
});

export async function startMoto(): Promise<TestServer> {
  const { python } = await ensurePythonEnvironment(motoEnvironment);
  return await startServer({
    command: python,
    args: (port) => [PROGRAM, '-H', '127.0.0.1', '-p', String(port)],
    path: '/moto-api/',
  });
}
