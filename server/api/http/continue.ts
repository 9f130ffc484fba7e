/**
 * `Expect: 100-continue`: the client waits for a word before it sends a body. It gets that word when something begins to read
 * the body, so that a refused request, by its headers alone, costs no upload. A refusal closes the connection: the body that
 * was announced may or may not follow.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export function continueWhenRead(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read;
    response.setHeader('connection', 'close');
    request._read = (size) => {
      request._read = read;
      // What is left of a body is read, too, after the response to it.
      if (!response.headersSent && !response.destroyed) {
        response.removeHeader('connection');
        response.writeContinue();
      }
      read.call(request, size);
    };
    server.emit('request', request, response);
  });
}
