/** `api.sources`: systems without a server that tell of jobs which run elsewhere; sent by you, or followed by the monitor. */
import type { JobSighting } from '../../protocol/sighting.ts';
import type { FollowedSource, SightingsAnswer } from '../../protocol/source.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

export class Sources {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those that the monitor follows by itself (`tmon serve --source`). */
  list(options: CallOptions = {}): Pages<FollowedSource> {
    return new Pages(() => this.#transport.json<Page<FollowedSource>>({ method: 'GET', path: '/sources', ...options }));
  }

  /**
   * What a source says of up to 1,000 jobs, in one commit. Sent again, in any order and portions, it changes nothing; a job of
   * the monitor's own queue is left as it is, and named in `refused`. `source`: its URL, without what is secret in it.
   */
  observe(source: string, jobs: readonly JobSighting[], options: CallOptions = {}): Promise<SightingsAnswer> {
    return this.#transport.json({
      method: 'POST',
      path: `/sources/${segment(source)}/jobs`,
      body: { jobs },
      ...options,
    });
  }
}
