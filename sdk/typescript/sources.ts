/**
 * `api.sources`: systems without a server that report jobs running elsewhere; posted by you, or followed by the
 * monitor.
 */
import type { JobSighting } from '../../protocol/sighting.ts';
import type { FollowedSource, SightingsAnswer } from '../../protocol/source.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

export class Sources {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sources that the monitor follows by itself (`tmon serve --source`). */
  list(options: CallOptions = {}): Pages<FollowedSource> {
    return new Pages(() => this.#transport.json<Page<FollowedSource>>({ method: 'GET', path: '/sources', ...options }));
  }

  /**
   * Posts what a source reports about up to 1,000 jobs, in one commit. Posting it again, in any order and in any
   * portions, changes nothing; jobs of the monitor's own queue are left unchanged and listed in `refused`. `source`:
   * its URL, without secrets.
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
