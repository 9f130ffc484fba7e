/** The other side of large-work.ts: does one task after another in a thread. */
import { parentPort } from 'node:worker_threads';
import { MonitorError } from '../../../protocol/errors.ts';
import { memoryIn, type Reply, type Request, tasks, withBuffers } from './tasks.ts';

const port = parentPort!;

port.on('message', ({ name, input }: Request) => {
  const reply = replyTo(name, withBuffers(input));
  port.postMessage(reply, memoryIn(reply));
});

function replyTo(name: Request['name'], input: unknown): Reply {
  try {
    return { value: (tasks[name] as (input: unknown) => unknown)(input) };
  } catch (error) {
    if (!(error instanceof MonitorError)) return { error: { stack: (error as Error).stack } };
    const { kind, code, message, hint, errors, extra } = error;
    return { error: { kind, code, message, hint, errors, extra } };
  }
}
