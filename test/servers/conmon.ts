/**
 * conmon, which keeps the logs of CRI-O's and Podman's containers: for a test it has a container that is only a shell. The program that
 * it calls to create one is a stand-in, since a real one needs control groups.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, systemClock } from '../../server/clock.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';

const PROGRAM = '/usr/bin/conmon';
const POLL_MS = 20;

export const conmonAbsent = (): string | undefined =>
  existsSync(PROGRAM) ? undefined : 'conmon is not there: apt-get install conmon';

/** Called as `create --pid-file FILE …`; the container's output is that of conmon's pipes. */
const RUNTIME = `#!/bin/sh
while [ $# -gt 0 ]; do
  [ "$1" = --pid-file ] && file=$2
  shift
done
[ -n "$file" ] || exit 0
sh "$(dirname "$0")/container.sh" &
echo $! > "$file"
`;

/** Runs a shell's script as a container; returns its log, in CRI's format. */
export async function conmonLog(t: Cleaning, script: string): Promise<string> {
  const folder = temporaryDirectory(t);
  const at = (name: string) => join(folder, name);
  for (const name of ['exits', 'sockets']) mkdirSync(at(name));
  writeFileSync(at('runtime'), RUNTIME, { mode: 0o755 });
  writeFileSync(at('container.sh'), script);
  const places = ['-b', folder, '-p', at('pid'), '--exit-dir', at('exits'), '--socket-dir-path', at('sockets')];
  const names = ['--api-version', '1', '-c', 'container', '-u', 'container', '-r', at('runtime')];
  await promisify(execFile)(PROGRAM, [...names, ...places, '-l', `k8s-file:${at('log')}`]);
  // It is written when the log is complete.
  while (!existsSync(join(at('exits'), 'container'))) await sleep(systemClock, POLL_MS);
  return readFileSync(at('log'), 'utf8');
}
