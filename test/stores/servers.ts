/**
 * S3-compatible servers that can be started here, if their program is found: `--programs` names a folder of binaries
 * and jars.
 */
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { motoEnvironment, startMoto } from '../servers/moto.ts';
import { gatewayAbsent, startGateway } from '../servers/s3-gateway.ts';
import { freePort, startServer, type TestServer } from '../servers/start.ts';

export type StoreServer = { name: string; start: () => Promise<TestServer> };

/** Every server accepts these. */
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };

export function serversIn(programs: string): StoreServer[] {
  const found = existsSync(programs) ? readdirSync(programs) : [];
  const program = (pattern: RegExp): string | undefined => {
    const name = found.find((each) => pattern.test(each));
    return name === undefined ? undefined : join(programs, name);
  };
  const servers: StoreServer[] = [];
  if (gatewayAbsent() === undefined) servers.push({ name: 'versitygw 1.8.0, posix', start: startGateway });
  const minio = program(/^minio$/);
  if (minio) servers.push({ name: 'MinIO, one disk', start: () => startMinio(minio) });
  const rclone = program(/^rclone$/);
  if (rclone) servers.push({ name: 'rclone serve s3, local folder', start: () => startRclone(rclone) });
  const weed = program(/^weed$/);
  if (weed) servers.push({ name: 'SeaweedFS, one volume server', start: () => startSeaweed(weed) });
  servers.push({ name: 'moto 5.2.5', start: startPlainMoto });
  servers.push({ name: 'moto 5.2.5, one request at a time', start: startMoto });
  const s3mock = program(/^s3mock.*\.jar$/);
  if (s3mock) servers.push({ name: 'Adobe S3Mock', start: () => startS3Mock(s3mock) });
  const s3proxy = program(/^s3proxy.*\.jar$/);
  if (s3proxy) servers.push({ name: 's3proxy, file system', start: () => startS3Proxy(s3proxy) });
  return servers;
}

const folder = (): string => mkdtempSync(join(tmpdir(), 'tmon-store-'));

function startMinio(command: string): Promise<TestServer> {
  const env = { MINIO_ROOT_USER: credentials.accessKeyId, MINIO_ROOT_PASSWORD: credentials.secretAccessKey };
  const args = (port: number) => ['server', '--address', `127.0.0.1:${port}`, folder()];
  return startServer({ command, env, args, path: '/minio/health/live' });
}

function startRclone(command: string): Promise<TestServer> {
  const key = `${credentials.accessKeyId},${credentials.secretAccessKey}`;
  return startServer({
    command,
    args: (port) => ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', key, folder()],
  });
}

/** Master, volume server, filer and S3 in one process; each part has a second port for gRPC. */
async function startSeaweed(command: string): Promise<TestServer> {
  const place = folder();
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = credentials;
  const identity = { name: 'test', credentials: [{ accessKey, secretKey }], actions: ['Admin'] };
  writeFileSync(join(place, 's3.json'), JSON.stringify({ identities: [identity] }));
  const ports: string[] = [];
  for (const part of ['master', 'volume', 'filer']) {
    ports.push(`-${part}.port=${await freePort()}`, `-${part}.port.grpc=${await freePort()}`);
  }
  const grpc = await freePort();
  const own = ['-s3', `-s3.config=${join(place, 's3.json')}`, `-s3.port.grpc=${grpc}`, '-s3.iam=false'];
  return startServer({
    command,
    args: (port) => [
      'server',
      `-dir=${place}`,
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      '-volume.max=5',
      '-master.volumeSizeLimitMB=64',
      ...ports,
      ...own,
      `-s3.port=${port}`,
    ],
    path: '/healthz',
  });
}

async function startPlainMoto(): Promise<TestServer> {
  const { python } = await ensurePythonEnvironment(motoEnvironment);
  const args = (port: number) => ['-c', 'from moto.server import main; main()', '-H', '127.0.0.1', '-p', String(port)];
  return await startServer({ command: python, args, path: '/moto-api/' });
}

async function startS3Mock(jar: string): Promise<TestServer> {
  const other = await freePort();
  return await startServer({
    command: 'java',
    args: (port) => [
      '-Dserver.address=127.0.0.1',
      `-Dserver.port=${other}`,
      `-Dcom.adobe.testing.s3mock.httpPort=${port}`,
      `-Dcom.adobe.testing.s3mock.store.root=${folder()}`,
      '-jar',
      jar,
    ],
  });
}

function startS3Proxy(jar: string): Promise<TestServer> {
  return startServer({
    command: 'java',
    args: (port) => {
      const place = folder();
      const settings = [
        's3proxy.authorization=none',
        `s3proxy.endpoint=http://127.0.0.1:${port}`,
        'jclouds.provider=filesystem',
        `jclouds.filesystem.basedir=${place}`,
      ];
      writeFileSync(join(place, 's3proxy.conf'), settings.join('\n'));
      return ['-jar', jar, '--properties', join(place, 's3proxy.conf')];
    },
  });
}
