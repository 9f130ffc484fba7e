/**
 * What EC2 tells a spot instance in advance: that it will be interrupted, two minutes before, and that it probably will
 * be (a rebalance recommendation). https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 */
import { formatTime } from '../../protocol/time.ts';
import { type Clock, systemClock } from '../clock.ts';
import { Ec2Metadata } from './ec2-metadata.ts';
import type { Notice, NoticeSource } from './notice.ts';

export type Ec2NoticesOptions = {
  /** Known to be on EC2: a service that doesn't respond is a failure, not another cloud. */
  expected: boolean;
  endpoint?: string | undefined;
  clock?: Clock;
  timeout_ms?: number;
};

const ENDPOINT = 'http://169.254.169.254';
const ENDPOINT_IPV6 = 'http://[fd00:ec2::254]';
const ACTIONS = new Set(['terminate', 'stop', 'hibernate']);
const HINT = 'in a container, the metadata hop limit of the instance must be 2 or more';

export class Ec2Notices implements NoticeSource {
  readonly #metadata: Ec2Metadata;
  readonly #expected: boolean;

  constructor({ expected, endpoint = ENDPOINT, clock = systemClock, ...more }: Ec2NoticesOptions) {
    this.#metadata = new Ec2Metadata({ endpoint, clock, ...more });
    this.#expected = expected;
  }

  async isHere(signal: AbortSignal): Promise<boolean> {
    if (this.#expected) return true;
    return this.#metadata.open(signal).then(
      () => true,
      () => false,
    );
  }

  async read(signal: AbortSignal): Promise<Notice | null> {
    try {
      const action = await this.#metadata.get('spot/instance-action', signal);
      if (action !== null) return interruption(action);
      const recommendation = await this.#metadata.get('events/recommendations/rebalance', signal);
      return recommendation === null ? null : rebalance(recommendation);
    } catch (error) {
      const { message } = error as Error;
      throw new Error(/does not respond/.test(message) ? `${message}; ${HINT}` : message);
    }
  }
}

/** As AWS's own variables say; undefined if they disable the service. `isEc2`: the machine is known to be an instance. */
export function ec2NoticesOf(
  environment: Readonly<Record<string, string | undefined>>,
  { isEc2 }: { isEc2: boolean },
): Ec2Notices | undefined {
  if (environment.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const given = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT || undefined;
  const ipv6 = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === 'ipv6';
  const endpoint = given ?? (ipv6 ? ENDPOINT_IPV6 : ENDPOINT);
  return new Ec2Notices({ endpoint, expected: isEc2 || given !== undefined });
}

/** `{"action": "terminate", "time": "2025-07-07T20:03:20Z"}` */
function interruption(text: string): Notice {
  const { action, time } = fieldsOf(text);
  const ends_ms = timeOf(time);
  if (!ACTIONS.has(action as string) || ends_ms === null) throw notUnderstood(text);
  return { kind: 'interruption', reason: `spot interruption at ${formatTime(ends_ms)}`, ends_ms };
}

/** `{"noticeTime": "2025-07-07T20:01:00Z"}` */
function rebalance(text: string): Notice {
  const notice_ms = timeOf(fieldsOf(text).noticeTime);
  if (notice_ms === null) throw notUnderstood(text);
  return { kind: 'rebalance', reason: `rebalance recommendation at ${formatTime(notice_ms)}` };
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw notUnderstood(text);
}

function timeOf(value: unknown): number | null {
  const time_ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time_ms) ? null : time_ms;
}

const notUnderstood = (text: string): Error =>
  new Error(`the instance metadata service returned a notice that is not understood: ${text.slice(0, 200)}`);
