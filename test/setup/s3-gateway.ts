/** A real S3 server, built with Go if installed: about 90 s and 300 MB of downloads the first time. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gatewayDirectory, gatewayModule, gatewayProgram } from '../servers/s3-gateway.ts';
import type { SetupStep } from './step.ts';

const BUILD_WITHIN_MS = 6 * 60_000;

export const s3Gateway: SetupStep = {
  name: 'S3 server',
  async run() {
    if (existsSync(gatewayProgram)) return gatewayProgram;
    await mkdir(gatewayDirectory, { recursive: true });
    // Built under another name and renamed, so that concurrent set-ups don't run a partial program.
    const aside = await mkdtemp(join(gatewayDirectory, 'build-'));
    try {
      await promisify(execFile)('go', ['install', '-trimpath', '-ldflags=-s -w', gatewayModule], {
        env: { ...process.env, GOBIN: aside, CGO_ENABLED: '0' },
        timeout: BUILD_WITHIN_MS,
        maxBuffer: 64 * 1024 * 1024,
      });
      await rename(join(aside, 'versitygw'), gatewayProgram);
      return `built ${gatewayModule}`;
    } catch (error) {
      throw new Error(reasonOf(error as NodeJS.ErrnoException & { killed?: boolean; stderr?: string }));
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  },
};

function reasonOf(error: NodeJS.ErrnoException & { killed?: boolean; stderr?: string }): string {
  if (error.code === 'ENOENT') return 'Go is not on this machine; the tests of a real S3 server are skipped';
  if (error.killed) return `go install took more than ${BUILD_WITHIN_MS / 60_000} minutes`;
  return `go install ${gatewayModule} failed: ${(error.stderr ?? error.message).trim().split('\n').at(-1)}`;
}
