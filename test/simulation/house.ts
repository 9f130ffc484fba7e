/**
 * The parts that a monitor runs on its engine, as the simulation runs them: views, archive, claim line, feed and a
 * followed source, each the real one, in the process of its instance and on its store.
 */

import type { Clock } from '../../server/clock.ts';
import type { StoreSettings } from '../../server/config.ts';
import type { Engine } from '../../server/engine.ts';
import { FeedHub } from '../../server/feed/hub.ts';
import { Duty } from '../../server/maintenance/duty.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { ClaimLine } from '../../server/queues/claim-line.ts';
import { Following } from '../../server/sources/following.ts';
import type { Command } from '../../server/state-machine/decide/commands.ts';
import { Archive } from '../../server/views/archive.ts';
import { findArchivedJob } from '../../server/views/archived-records.ts';
import { ViewPublisher } from '../../server/views/publisher.ts';
import type { FollowedLog } from './followed-log.ts';

export type HouseOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: StoreSettings;
  /** Null: this instance follows no source. */
  followed: FollowedLog | null;
  /** Called with each command that the house itself submits, before it is submitted. */
  send: (command: Command) => void;
  /** A unique command name. */
  newId: () => string;
  log: (level: string, message: string) => void;
};

const ARCHIVE_MS = 120_000;
const FOLLOW_MS = 30_000;

export class House {
  readonly engine: Engine;
  readonly claims: ClaimLine;
  readonly feed: FeedHub;
  readonly publisher: ViewPublisher;
  readonly #duties: { start(): void; stop(): Promise<void> }[];

  constructor({ engine, store, clock, settings, followed, send, newId, log }: HouseOptions) {
    this.engine = engine;
    this.claims = new ClaimLine(engine, clock);
    this.feed = new FeedHub(engine, clock, { reports: true });
    this.publisher = new ViewPublisher({ engine, store, clock, settings, log });
    // The audits decide each command again, so they need those of the house, too.
    const watched = Object.create(engine, {
      state: { get: () => engine.state },
      journal: { get: () => engine.journal },
      policy: { get: () => engine.policy },
      submit: {
        value: (command: Command) => {
          send(command);
          return engine.submit(command);
        },
      },
    }) as Engine;
    const archive = new Archive({
      engine: watched,
      store,
      clock,
      settings,
      publisher: this.publisher,
      log,
      index_sizes: { index_at: 5, shard_max: 4 },
    });
    this.#duties = [
      new Duty({
        name: 'archive',
        clock,
        failure_ms: ARCHIVE_MS,
        log,
        run: async () => ({ again_ms: (await archive.runOnce()) > 0 ? 0 : ARCHIVE_MS }),
      }),
    ];
    if (!followed) return;
    this.#duties.push(
      new Following({
        url: followed.url,
        open: async () => followed.source(),
        observing: {
          engine,
          catchUp: () => engine.journal.catchUp(),
          archived: (job_id) => findArchivedJob({ engine, store }, job_id),
          async submit(body) {
            if (body.sightings.length === 0) return { refs: [], replayed: false };
            return watched.submit({ id: newId(), fingerprint: '', actor: 'monitor', body });
          },
        },
        clock,
        poll_ms: FOLLOW_MS,
        since_ms: 0,
        log,
      }),
    );
  }

  /** Finds missing views, then begins its duties. Throws StoreError if the store cannot be read. */
  async start(): Promise<void> {
    await this.publisher.start();
    for (const duty of this.#duties) duty.start();
  }

  crash(): void {
    this.publisher.abandon();
  }

  /** Before its engine stops, as the monitor does. */
  async end(): Promise<void> {
    await this.stop();
    await this.publisher.stop();
  }

  /** Everything except the views. */
  async stop(): Promise<void> {
    this.claims.close();
    this.feed.close();
    await Promise.all(this.#duties.map((duty) => duty.stop()));
  }
}
