/**
 * The parts of the server that are mutated, and the tests that must notice: the nearest first, the wider ones only if
 * those pass.
 */

export type Part = { name: string; files: string; stages: readonly (readonly string[])[] };

const ENGINE = ['server/engine.test.ts', 'server/state-machine/**/*.test.ts', 'server/documents/*.test.ts'];
const API = ['server/api/endpoints/*.test.ts', 'server/sources/*.test.ts', 'server/maintenance/*.test.ts'];
const VIEWS = ['server/views/*.test.ts'];
const FEED = ['server/feed/*.test.ts', 'server/api/socket/*.test.ts', 'server/api/endpoints/feed-sse.test.ts'];
const JOURNAL = ['server/journal/*.test.ts', 'server/engine.test.ts'];
/** Histories of the simulation; see simulation/main.ts. */
export const SIMULATION = 'simulation';

const machine = (name: string): Part => ({
  name,
  files: `server/state-machine/${name}/*.ts`,
  stages: [ENGINE, API, [SIMULATION], [...VIEWS, ...FEED]],
});

export const PARTS: readonly Part[] = [
  machine('state'),
  machine('decide'),
  machine('apply'),
  { name: 'documents', files: 'server/documents/*.ts', stages: [ENGINE, [...VIEWS, ...FEED], API] },
  { name: 'journal', files: 'server/journal/*.ts', stages: [JOURNAL, [SIMULATION], API] },
  { name: 'feed', files: 'server/feed/*.ts', stages: [FEED] },
  { name: 'maintenance', files: 'server/maintenance/*.ts', stages: [['server/maintenance/*.test.ts'], API] },
];
