/** What a failed file-system call means to the owner of a directory store. */
import { StoreError } from './store.ts';

type Failure = { code: string; says: string; hint: string };

const FULL: Failure = {
  code: 'store_full',
  says: 'no space left',
  hint: 'free some space on its disk (df -h), or raise the quota; nothing that was acknowledged is lost',
};
const READ_ONLY_DISK: Failure = {
  code: 'store_read_only',
  says: 'its file system is read-only',
  hint: 'mount it read-write, or name a directory on another disk (--store dir:PATH)',
};
const NO_RIGHT: Failure = {
  code: 'store_read_only',
  says: 'it is not writable',
  hint: 'give this user the right to write there (ls -ld)',
};

const REFUSALS: Record<string, Failure> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: READ_ONLY_DISK,
  EACCES: NO_RIGHT,
  EPERM: NO_RIGHT,
  EXDEV: {
    code: 'store_many_disks',
    says: 'one of its folders is on another file system',
    hint: 'keep the whole store on one file system: writes through a link or a mount inside it are not atomic',
  },
};

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** An error of a call made while writing, before anything was visible under the key. */
export function writeError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const failure = REFUSALS[codeOf(error)];
  if (!failure) return unknownEffect(error, path);
  const message = `${path}: ${failure.says} (${codeOf(error)})`;
  return new StoreError('refused', failure.code, message, { hint: failure.hint, cause: error });
}

export function readError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') return unknownEffect(error, path);
  const hint = 'give this user the right to read there (ls -ld)';
  return new StoreError('refused', 'store_denied', `${path}: it is not readable`, { hint, cause: error });
}

/** An error of a call after which the object may or may not exist: never `refused`, whatever its code. */
export function unknownEffect(error: unknown, path: string): StoreError {
  // Without the paths in Node's message, which may lead through an open descriptor.
  const says = (error instanceof Error ? error.message : String(error)).replace(/ '[^']*'( -> '[^']*')?$/, '');
  return new StoreError('unavailable', 'store_unavailable', `${path}: ${says}`, { cause: error });
}
