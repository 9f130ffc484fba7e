/** `api.events`: the log vocabulary (`JOB_START`, `JOB_PROGRESS`, …) in bulk, for workers that only report. */
import type { LogEvent, LogEventAnswer } from '../../protocol/log-event.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Events {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One request for all of them; each line stands or falls by itself. */
  report(events: readonly LogEvent[], options: CallOptions = {}): Promise<LogEventAnswer> {
    return this.#transport.json({
      method: 'POST',
      path: '/events',
      raw: { body: events.map((event) => `${JSON.stringify(event)}\n`).join(''), type: 'application/x-ndjson' },
      ...options,
    });
  }
}
