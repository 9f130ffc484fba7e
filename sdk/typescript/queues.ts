/** `api.queues`: `main`, where jobs wait, and `dlq`, where jobs lie that failed for good. */
import type { BulkAnswer, BulkRequest, Queue } from '../../protocol/queue.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Queues {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  main(options: CallOptions = {}): Promise<Queue> {
    return this.#transport.json({ method: 'GET', path: '/queues/main', ...options });
  }

  dlq(options: CallOptions = {}): Promise<Queue> {
    return this.#transport.json({ method: 'GET', path: '/queues/dlq', ...options });
  }

  /** Takes jobs out: from `main` they are cancelled, from `dlq` dropped. `dry_run` answers the exact ids and changes nothing. */
  purge(queue: 'main' | 'dlq', request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.#transport.json({ method: 'POST', path: `/queues/${queue}/purge`, body: request, ...options });
  }

  /** `purge('dlq')`. */
  purgeDlq(request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.purge('dlq', request, options);
  }

  /** Puts jobs from the dead-letter queue back into the main one. `dry_run` answers the exact ids and changes nothing. */
  redrive(request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.#transport.json({ method: 'POST', path: '/queues/dlq/redrive', body: request, ...options });
  }
}
