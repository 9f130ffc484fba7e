/**
 * Where in its work the monitor is killed: while a request to AWS, its own or a worker's, is held at the proxy. So no kill depends on
 * time. A request of the monitor is lost with it, before AWS has it or before its response; a worker's goes on after the kill.
 */
import type { EnforcingProxy, Passing, Side } from '../aws/enforcing-proxy.ts';

export type Aim = {
  /** For the log: the monitor is killed while … */
  name: string;
  by: 'server' | 'worker';
  /** Any, if there is none. */
  action?: string;
  resource?: RegExp;
  body?: RegExp;
  sides: readonly Side[];
  /** Up to so many requests that fit pass before. */
  passing?: number;
  /** What makes it happen, whatever else goes on. */
  needs: 'recording' | 'worker';
};

const segment = (event: string) => ({
  by: 'server' as const,
  action: 's3:PutObject',
  resource: /\/tmon\/journal\//,
  body: new RegExp(`"type":"${event}"`),
});
const BOTH: readonly Side[] = ['request', 'response'];

/** The first five are those of a run with five kills. */
export const AIMS: readonly Aim[] = [
  {
    name: 'a message of a recording is received and not decided',
    ...segment('JobSubmitted'),
    sides: ['request'],
    needs: 'recording',
  },
  {
    name: 'a job runs',
    by: 'worker',
    action: 's3:GetObject',
    resource: /\/audio\//,
    sides: BOTH,
    needs: 'recording',
  },
  {
    name: 'a transcript is stored',
    by: 'server',
    action: 's3:PutObject',
    resource: /\/tmon\/transcripts\//,
    sides: BOTH,
    needs: 'recording',
  },
  {
    name: 'an instance is launched',
    by: 'server',
    action: 'ec2:RunInstances',
    body: /^(?!.*DryRun=true)/s,
    sides: BOTH,
    needs: 'worker',
  },
  {
    name: 'a message is deleted that is settled in the journal',
    by: 'server',
    action: 'sqs:DeleteMessage',
    body: /"Entries"/,
    sides: BOTH,
    needs: 'recording',
  },
  { name: 'a claim is decided', ...segment('JobAssigned'), sides: BOTH, needs: 'recording' },
  { name: 'a job’s end is decided', ...segment('JobCompleted'), sides: BOTH, needs: 'recording' },
  {
    name: 'the message of a job is sent',
    by: 'server',
    action: 'sqs:SendMessage',
    body: /"MessageBody"/,
    sides: BOTH,
    needs: 'recording',
  },
  {
    name: 'a submission is decided, and its message not deleted',
    ...segment('JobSubmitted'),
    sides: ['response'],
    needs: 'recording',
  },
  { name: 'it does anything', by: 'server', passing: 60, sides: BOTH, needs: 'recording' },
];

export type Shot = {
  /** Resolves when the request is held. */
  hit: Promise<void>;
  /** After the kill. */
  release(): void;
};

/** Holds the first request that fits after so many others, and with it every further one. */
export function aimAt(proxy: EnforcingProxy, aim: Aim, { side, passing }: { side: Side; passing: number }): Shot {
  const hit = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let left = passing;
  proxy.gate = async (request, at) => {
    if (at !== side || !fits(aim, request) || left-- > 0) return;
    hit.resolve();
    await released.promise;
    if (request.by === 'server') throw new Error('the monitor that asked is gone');
  };
  return {
    hit: hit.promise,
    release() {
      proxy.gate = null;
      released.resolve();
    },
  };
}

const fits = ({ by, action, resource, body }: Aim, request: Passing): boolean =>
  request.by === by &&
  (action === undefined || request.action === action) &&
  (resource?.test(request.resource) ?? true) &&
  (body?.test(request.body) ?? true);
