/** A Redis that appends every write to its log, and syncs the log as configured. Without snapshots. */
import { connect } from 'node:net';
import { freePort, type RunningServer, served, startProgram, untilReady } from './server.ts';

/**
 * `always`: synced before the write is acknowledged, once for all writes that arrived together. `everysec`: synced once
 * a second, after the acknowledgements.
 */
export type AppendFsync = 'always' | 'everysec';

export async function startRedis(folder: string, program: string, appendfsync: AppendFsync): Promise<RunningServer> {
  const port = await freePort();
  const redis = startProgram(program, {
    arguments: [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
      ...['--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''],
    ],
  });
  await untilReady(redis, () => respondsToPing(port));
  return served(redis, `redis://127.0.0.1:${port}`);
}

function respondsToPing(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString().startsWith('+PONG'));
    });
    socket.once('error', reject);
  });
}
