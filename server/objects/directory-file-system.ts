/** What a directory's file system means for a store: for `tmon doctor`, and for the log at start. */
import { statfsSync } from 'node:fs';
import type { StoreFinding } from './store.ts';

/** Magic numbers of Linux (statfs(2)); other systems have their own. */
const IN_MEMORY: Record<number, string> = { 16914836: 'tmpfs', 2240043254: 'ramfs' };
const OVERLAY = 0x794c7630;

/** Returns no finding for an ordinary disk. */
export function inspectFileSystem(root: string): StoreFinding[] {
  const check = 'file system';
  if (process.platform !== 'linux') return [];
  let type: number;
  try {
    ({ type } = statfsSync(root));
  } catch (error) {
    return [{ check, verdict: 'skip', says: `its file system can't be determined: ${(error as Error).message}` }];
  }
  const memory = IN_MEMORY[type >>> 0];
  if (memory !== undefined) {
    const says = `${root} is in memory (${memory}): nothing survives a reboot`;
    return [{ check, verdict: 'warn', says, hint: 'put the store on a disk: --store dir:PATH' }];
  }
  if (type >>> 0 === OVERLAY) {
    const says = `${root} is on overlayfs: inside a container it is deleted with the container, unless it is on a volume`;
    return [{ check, verdict: 'pass', says }];
  }
  return [];
}
