/** `api.queues`: `main`, where jobs wait, and `dlq`, the dead-letter queue of jobs that failed permanently. */
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

  /** Removes jobs: those in `main` are cancelled, those in `dlq` dropped. With `dry_run`, only returns their ids. */
  purge(queue: 'main' | 'dlq', request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.#transport.json({ method: 'POST', path: `/queues/${queue}/purge`, body: request, ...options });
  }

  /** `purge('dlq')`. */
  purgeDlq(request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.purge('dlq', request, options);
  }

  /** Returns jobs from the dead-letter queue to the main one. With `dry_run`, only returns their ids. */
  redrive(request: BulkRequest = {}, options: CallOptions = {}): Promise<BulkAnswer> {
    return this.#transport.json({ method: 'POST', path: '/queues/dlq/redrive', body: request, ...options });
  }
}
