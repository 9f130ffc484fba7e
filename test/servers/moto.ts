/** `moto_server`: AWS in memory, for tests. It keeps nothing after `stop`. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { startServer, type TestServer } from './start.ts';

export const motoEnvironment = { name: 'moto', requirements: ['moto[server]==5.2.5'] };

export const motoCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export async function startMoto(): Promise<TestServer> {
  const { bin } = await ensurePythonEnvironment(motoEnvironment);
  return await startServer({
    command: `${bin}/moto_server`,
    args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    path: '/moto-api/',
  });
}
