/** The analytics process: opens the store to read, answers requests one after the other's start, ends with its parent. */
import { systemClock } from '../../clock.ts';
import { openStore } from '../../objects/open-store.ts';
import { Analytics } from '../analytics.ts';
import { failureOf, type ProcessOptions, type Request, type Response } from './messages.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ProcessOptions;

const analytics = new Analytics(async () => {
  const { store_url, s3, ...others } = options;
  const store = await openStore(store_url, { clock: systemClock, lock: false, ...(s3 && { s3 }) });
  return { ...others, store, clock: systemClock, random: { float: Math.random }, warn: () => undefined };
}, systemClock);

const serve = (request: Request) =>
  request.type === 'query' ? analytics.query(request.query) : analytics.makeColumns(request.now_ms);

process.on('message', (request: Request) => {
  const { id } = request;
  serve(request).then(
    (result) => send({ id, type: 'result', result }),
    (error: unknown) => send({ id, type: 'failed', error: failureOf(error) }),
  );
});

/** A query that is under way does not keep it alive. */
const END_MS = 2_000;

process.on('disconnect', () => {
  systemClock.after(END_MS, () => process.exit(0));
  void analytics.close().finally(() => process.exit(0));
});

function send(response: Response): void {
  if (process.connected) process.send?.(response);
}
