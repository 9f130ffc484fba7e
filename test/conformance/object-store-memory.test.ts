/** The object store's rules for the store in memory. */
import { systemClock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { objectStoreConformance } from './object-store.ts';

objectStoreConformance('memory store', { open: async () => new MemoryStore(systemClock), races: 200 });
