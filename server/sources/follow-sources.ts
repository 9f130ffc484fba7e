/** Follows each source in the setting `source`. */
import type { Source } from '../../sources/source.ts';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import { findArchivedJob } from '../views/archived-records.ts';
import { Following } from './following.ts';
import type { Observing } from './observe.ts';
import { SourcePosition } from './positions.ts';

const FILES_POLL_MS = 1_000;
const POLL_MS = 5_000;

/** Imported only when a source is followed, since it loads the clients of clouds and databases. */
const open = async (url: string): Promise<Source> => (await import('../../sources/open-source.ts')).openSource(url);

type Parts = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: Pick<Settings, 'source_poll_ms' | 'source_since_ms'>;
  log: (level: 'info' | 'warn', message: string) => void;
};

/** Returns the followers, not yet started. */
export function followSources(urls: readonly string[], { engine, store, clock, settings, log }: Parts): Following[] {
  const observing: Observing = {
    engine,
    catchUp: () => engine.journal.catchUp(),
    archived: (job_id) => findArchivedJob({ engine, store }, job_id),
    async submit(body) {
      if (body.sightings.length === 0) return { refs: [], replayed: false };
      return engine.submit({ id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body });
    },
  };
  return urls.map((url) => {
    const poll_ms = settings.source_poll_ms ?? (/^(log|dir|sqlite):/.test(url) ? FILES_POLL_MS : POLL_MS);
    const { source_since_ms: since_ms } = settings;
    const kept = new SourcePosition(url, since_ms, { engine, store });
    return new Following({ url, open, observing, clock, poll_ms, since_ms, kept, log });
  });
}
