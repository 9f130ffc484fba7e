/**
 * A private dockerd for a test: its data, its socket and its containers are in a folder of the test, without a network. Its image is a
 * static busybox. Not installed by the tests, since it takes 250 MB: `apt-get install docker.io busybox-static`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../agent/engines/find-program.ts';
import type { Cleaning } from '../processes/tmon.ts';

const run = promisify(execFile);

export async function dockerdAbsent(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'dockerd needs root';
  for (const program of ['dockerd', 'docker', 'busybox']) {
    if ((await findProgram(program)) === null)
      return `${program} is not there: apt-get install docker.io busybox-static`;
  }
  return undefined;
}

export type Dockerd = {
  /** Runs a shell's script in a container that sees `files` as /files; returns its log as the json-file driver wrote it. */
  jsonLog(script: string, options?: readonly string[]): Promise<string>;
  /** What `docker logs -t` prints of the container that ran last. */
  logs(): Promise<string>;
  files: string;
};

/** Stopped with the test. */
export async function startDockerd(t: Cleaning): Promise<Dockerd> {
  const folder = mkdtempSync(join(tmpdir(), 'tmon-dockerd-'));
  const at = (name: string) => join(folder, name);
  for (const name of ['root/bin', 'files']) mkdirSync(at(name), { recursive: true });
  copyFileSync((await findProgram('busybox'))!, at('root/bin/busybox'));
  const docker = async (...args: readonly string[]) => {
    const { stdout, stderr } = await run('docker', ['-H', `unix://${at('socket')}`, ...args]);
    return stdout + stderr;
  };
  const places = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')];
  const network = ['--iptables=false', '--ip6tables=false', '--bridge=none', '-H', `unix://${at('socket')}`];
  const child = spawn('dockerd', [...places, ...network, '--storage-driver=vfs'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const closed = once(child, 'close');
  const ready = new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-4000);
      if (said.includes('API listen on')) resolve();
    });
  });
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  t.after(async () => {
    process.off('exit', kill);
    kill();
    await closed;
    // It mounts its data on itself, so that nothing else sees what it mounts within.
    await run('umount', [at('data')]).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.race([
    ready,
    closed.then(() => {
      throw new Error(`dockerd did not start: ${said}`);
    }),
  ]);
  await run('sh', ['-c', `tar -C '${at('root')}' -c . | docker -H unix://${at('socket')} import - shell`]);
  let containers = 0;
  return {
    files: at('files'),
    async jsonLog(script, options = []) {
      const name = `c${++containers}`;
      const mounted = ['--network', 'none', '-v', `${at('files')}:/files:ro`, ...options];
      await docker('run', '--name', name, ...mounted, 'shell', '/bin/busybox', 'sh', '-c', script);
      const id = (await docker('inspect', '-f', '{{.Id}}', name)).trim();
      const logs = globSync(join(at('data'), 'containers', id, `${id}-json.log*`))
        .sort()
        .reverse();
      return logs.map((path) => readFileSync(path, 'utf8')).join('');
    },
    logs: () => docker('logs', '-t', `c${containers}`),
  };
}
