/** URLs of queues: `embedded:`, `sqs://NAME`, `sqs://NAME?region=eu-central-1`, or the URL of an SQS queue. */
import { MonitorError } from '../../protocol/errors.ts';
import { readSystemUrl, SystemUrlError } from '../../protocol/system-urls.ts';

export type SqsQueueUrl = {
  /** For messages. */
  url: string;
  name: string;
  /** null: found by its name. */
  queue_url: string | null;
  /** null: as for every AWS tool. */
  region: string | null;
  /** Of a queue that is not at AWS's own address. */
  endpoint: string | null;
  fifo: boolean;
};

/** Throws MonitorError('invalid'); null: `embedded:`. */
export function parseQueueUrl(url: string): SqsQueueUrl | null {
  if (url === 'embedded:') return null;
  const [address = '', query = ''] = url.split(/\?(.*)/s);
  const { queue, queue_url } = readAddress(/^https?:/.test(address) ? `sqs://${address}` : address, url);
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((option) => option !== 'region');
  if (unknown !== undefined) throw bad(`the queue URL ${JSON.stringify(url)} has an unknown option ${unknown}`);
  const name = queue ?? queue_url!.split('/').at(-1)!;
  const host = queue_url === null ? '' : new URL(queue_url).host;
  return {
    url,
    name,
    queue_url,
    region: options.get('region') || (/\bsqs\.([a-z0-9-]+)\./.exec(host)?.[1] ?? null),
    endpoint: host === '' || /\.amazonaws\.com(\.cn)?$/.test(host) ? null : new URL(queue_url!).origin,
    fifo: name.endsWith('.fifo'),
  };
}

function readAddress(address: string, url: string): { queue: string | null; queue_url: string | null } {
  try {
    const read = readSystemUrl(address);
    if (read.system === 'sqs' && (read.queue_url === null || URL.canParse(read.queue_url))) return read;
  } catch (error) {
    if (!(error instanceof SystemUrlError)) throw error;
  }
  throw bad(`the queue is ${JSON.stringify(url)}`);
}

const bad = (message: string): MonitorError =>
  new MonitorError('invalid', 'bad_queue_url', message, {
    hint: 'Use embedded:, sqs://NAME, sqs://NAME?region=eu-central-1, or the URL of an SQS queue.',
  });
