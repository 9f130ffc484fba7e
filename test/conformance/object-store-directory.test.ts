/** The object store's rules for a directory, with and without the lock. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryStore } from '../../server/objects/directory.ts';
import { objectStoreConformance } from './object-store.ts';

for (const lock of [true, false]) {
  const roots: string[] = [];
  objectStoreConformance(lock ? 'directory store' : 'directory store, not locked', {
    async open() {
      const root = await mkdtemp(join(tmpdir(), 'tmon-directory-'));
      roots.push(root);
      return await DirectoryStore.open(join(root, 'data'), { lock, create: true });
    },
    races: lock ? 60 : 20,
    async end() {
      for (const root of roots) await rm(root, { recursive: true });
    },
  });
}
