/** Where spools are: a folder that only this user can read and write. */
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';

/** Null: none is wanted. Throws if none can be used. TMON_SPOOL: a folder, or `off`. */
export function spoolFolder(chosen: string | false | undefined): string | null {
  const wanted = chosen ?? process.env.TMON_SPOOL;
  if (wanted === false || wanted === 'off') return null;
  if (wanted) return resolve(wanted);
  const candidates = [
    () => join(stateFolder(), 'transcription-monitor', 'spool'),
    () => join(tmpdir(), `transcription-monitor-spool-${process.getuid?.() ?? 0}`),
  ];
  for (const candidate of candidates) {
    try {
      return made(candidate());
    } catch {}
  }
  throw new Error('no folder can be used; set TMON_SPOOL to one, or to off');
}

function stateFolder(): string {
  const { XDG_STATE_HOME = '' } = process.env;
  return isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
}

/** As `mkdir -p`; Node's own recursion never returns below /proc. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Throws unless only we can write there: others could read reports or remove them. */
function made(folder: string): string {
  makeFolder(folder);
  const { uid, mode } = lstatSync(folder);
  if (uid !== (process.getuid?.() ?? uid) || (mode & 0o022) !== 0) throw new Error(`${folder} belongs to others`);
  return folder;
}
