/**
 * Ends requests whose body stops arriving: after `idle_ms` without a byte the request gets 408, and its connection is
 * closed. A slow body that keeps arriving may take any time. A body that the monitor does not read is not late.
 *
 * One timer checks the latest request of every connection, so that a request costs a lookup and no timer of its own.
 */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Clock } from '../../clock.ts';

/** A request whose body may still be arriving. */
type Arriving = { request: FastifyRequest; reply: FastifyReply };
/** A connection, its latest request if that has a body, and how many bytes had arrived since when. */
type Connection = { arriving: Arriving | null; bytes_read: number; since_ms: number };

export class BodyDeadlines {
  readonly #clock: Clock;
  readonly #idle_ms: number;
  readonly #connections = new Map<Socket, Connection>();
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, idle_ms: number) {
    this.#clock = clock;
    this.#idle_ms = idle_ms;
  }

  watch(request: FastifyRequest, reply: FastifyReply): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const has_body = (length !== undefined && length !== '0') || encoding !== undefined;
    const { socket } = request.raw;
    const connection = this.#connections.get(socket) ?? (has_body ? this.#add(socket) : null);
    if (connection === null) return;
    connection.arriving = has_body ? { request, reply } : null;
    connection.bytes_read = -1;
  }

  close(): void {
    this.#cancel?.();
    this.#connections.clear();
  }

  #add(socket: Socket): Connection {
    const connection = { arriving: null, bytes_read: -1, since_ms: 0 };
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    this.#cancel ??= this.#lookLater();
    return connection;
  }

  /** Not within `#add`: the timer would keep the socket, with the headers of its request, until it is due. */
  #lookLater(): () => void {
    return this.#clock.after(this.#idle_ms / 2, () => this.#look());
  }

  #look(): void {
    const now_ms = this.#clock.monotonic();
    for (const [socket, connection] of this.#connections) {
      // Its close may have come before it was watched.
      if (socket.destroyed) this.#connections.delete(socket);
      const { arriving } = connection;
      if (arriving === null || socket.destroyed) continue;
      const { raw } = arriving.request;
      if (raw.complete) connection.arriving = null;
      else if (socket.bytesRead !== connection.bytes_read || raw.readableLength > 0) {
        connection.bytes_read = socket.bytesRead;
        connection.since_ms = now_ms;
      } else if (now_ms - connection.since_ms >= this.#idle_ms) {
        connection.arriving = null;
        this.#end(arriving);
      }
    }
    this.#cancel = this.#connections.size > 0 ? this.#lookLater() : null;
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
