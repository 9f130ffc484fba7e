/** `api.events`: the log vocabulary (`JOB_START`, `JOB_PROGRESS`, …) in bulk, for workers that only report. */
import type { LogEvent, LogEventAnswer } from '../../protocol/log-event.ts';
import { Feed } from './feed.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Events {
  /** The same as `feed.follow`. */
  readonly follow: Feed['follow'];
  readonly #transport: Transport;

  constructor(transport: Transport, feed = new Feed(transport)) {
    this.#transport = transport;
    this.follow = feed.follow.bind(feed) as Feed['follow'];
  }

  /** Sends all events in one request; each line is accepted or refused by itself. */
  report(events: readonly LogEvent[], options: CallOptions = {}): Promise<LogEventAnswer> {
    return this.#transport.json({
      method: 'POST',
      path: '/events',
      raw: { body: events.map((event) => `${JSON.stringify(event)}\n`).join(''), type: 'application/x-ndjson' },
      ...options,
    });
  }
}
