/**
 * Ends requests whose body stops arriving: after `idle_ms` without a byte the request gets 408, and its connection is
 * closed. A slow body that keeps arriving may take any time. A body that the monitor does not read is not late.
 *
 * One timer checks all requests with a body every `idle_ms / 2`: most are complete before it ever runs.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Clock } from '../../clock.ts';

type Arriving = { request: FastifyRequest; reply: FastifyReply; bytes_read: number; since_ms: number };

export class BodyDeadlines {
  readonly #clock: Clock;
  readonly #idle_ms: number;
  readonly #arriving = new Map<FastifyRequest['raw'], Arriving>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, idle_ms: number) {
    this.#clock = clock;
    this.#idle_ms = idle_ms;
  }

  watch(request: FastifyRequest, reply: FastifyReply): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if ((length === undefined || length === '0') && encoding === undefined) return;
    this.#arriving.set(request.raw, { request, reply, bytes_read: -1, since_ms: 0 });
    this.#cancel ??= this.#clock.after(this.#idle_ms / 2, () => this.#look());
  }

  /** Stops watching if the body is complete. A response sent before that does not end the watch. */
  forgetComplete({ raw }: FastifyRequest): void {
    if (raw.complete) this.#arriving.delete(raw);
  }

  close(): void {
    this.#cancel?.();
    this.#arriving.clear();
  }

  #look(): void {
    const now_ms = this.#clock.monotonic();
    for (const [raw, arriving] of this.#arriving) {
      const { bytesRead } = raw.socket;
      if (raw.complete || raw.socket.destroyed) this.#arriving.delete(raw);
      else if (bytesRead !== arriving.bytes_read || raw.readableLength > 0) {
        arriving.bytes_read = bytesRead;
        arriving.since_ms = now_ms;
      } else if (now_ms - arriving.since_ms >= this.#idle_ms) {
        this.#arriving.delete(raw);
        this.#end(arriving);
      }
    }
    this.#cancel = this.#arriving.size > 0 ? this.#clock.after(this.#idle_ms / 2, () => this.#look()) : null;
  }

  #end({ request: { raw }, reply }: Arriving): void {
    if (reply.sent) return void raw.socket.destroy();
    reply.header('connection', 'close');
    const error = new MonitorError(
      'invalid',
      'request_timeout',
      `no byte of the body arrived for ${this.#idle_ms} ms`,
      {
        hint: 'Send the request again; it had no effect.',
      },
    );
    // A reader of the body fails as on any stream error. Destroying the body would close the connection before the
    // response.
    if (raw.listenerCount('error') > 0) raw.emit('error', error);
    else void reply.send(error);
  }
}
