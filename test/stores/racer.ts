/**
 * Measures a store's real behaviour with an independent client: raw HTTP, signed by hand (SigV4), 32 warm connections.
 * All of them race for each key; the result is the number of writers for which the key was reported as created.
 */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

export type RacedPlace = {
  endpoint: string;
  bucket: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
};

export type Truth = {
  keys: number;
  /** Keys that were reported as created to exactly one racer. */
  one_winner: number;
  most_winners: number;
};

const WRITERS = 32;
const REGION = 'us-east-1';
const CONNECTIONS = new Agent({ keepAlive: true, maxSockets: WRITERS });

export async function raceFor(place: RacedPlace, keys: number): Promise<Truth> {
  await statusOf(await send(place, { method: 'PUT', path: `/${place.bucket}`, body: '' }));
  const truth: Truth = { keys, one_winner: 0, most_winners: 0 };
  const run = Date.now();
  for (let key = 0; key < keys; key++) {
    const signed = Array.from({ length: WRITERS }, (_, writer) =>
      sign(place, {
        method: 'PUT',
        path: `/${place.bucket}/race/${run}/${key}`,
        body: `writer ${writer}`,
        absent: true,
      }),
    );
    const statuses = await Promise.all(signed.map(async (ready) => statusOf(await ready())));
    const winners = statuses.filter((status) => status === 200).length;
    truth.one_winner += winners === 1 ? 1 : 0;
    truth.most_winners = Math.max(truth.most_winners, winners);
  }
  CONNECTIONS.destroy();
  return truth;
}

type Put = { method: 'PUT'; path: string; body: string; absent?: boolean };

function send(place: RacedPlace, put: Put): Promise<IncomingMessage | null> {
  return sign(place, put)();
}

/** Returns a function that sends it. */
function sign(
  { endpoint, credentials }: RacedPlace,
  { method, path, body, absent }: Put,
): () => Promise<IncomingMessage | null> {
  const { hostname, port, host } = new URL(endpoint);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const hash = sha256(body);
  const headers: Record<string, string> = {
    host,
    ...(absent ? { 'if-none-match': '*' } : {}),
    'x-amz-content-sha256': hash,
    'x-amz-date': time,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    hash,
  ].join('\n');
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const key = [day, REGION, 's3', 'aws4_request'].reduce(
    (secret: string | Buffer, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`)
    .digest('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const length = String(Buffer.byteLength(body));
  return async () => {
    const sent = request({
      agent: CONNECTIONS,
      hostname,
      port,
      method,
      path,
      headers: { ...headers, authorization, 'content-length': length },
    });
    sent.end(body);
    try {
      return ((await once(sent, 'response')) as [IncomingMessage])[0];
    } catch {
      return null; // Cut off: not a known winner.
    }
  };
}

async function statusOf(response: IncomingMessage | null): Promise<number> {
  response?.resume();
  if (response) await once(response, 'end').catch(() => undefined);
  return response?.statusCode ?? 0;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
