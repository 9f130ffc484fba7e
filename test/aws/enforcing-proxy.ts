/**
 * An AWS endpoint that enforces IAM policies, conditions and tags included, before moto, which knows neither conditions nor bucket
 * policies: it answers as AWS does where a request is denied, passes on the others, and records what each needed.
 */
import { hash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { serveHttp } from '../servers/serve-http.ts';
import { type AwsRequest, evaluate, type Statement } from './policy.ts';
import { type HttpRequest, listRightOf, rightsOf } from './requests.ts';

export type Principal = { arn: string; identity: readonly Statement[] };

export type Seen = AwsRequest & { allowed: boolean; statement: Statement | null; by: string };

/** A request that is allowed, by the access key of its principal. */
export type Passing = { by: string; action: string; resource: string; body: string };
/** Before a request is passed on, or its response is. */
export type Side = 'request' | 'response';

export type EnforcingProxy = {
  endpoint: string;
  /** By access key. Others are denied everything. */
  principals: Record<string, Principal>;
  /** Of buckets and queues. */
  resource_policies: readonly Statement[];
  seen: Seen[];
  /** Holds what passes until it resolves, and cuts the connection if it rejects. */
  gate: ((passing: Passing, side: Side) => Promise<void>) | null;
  /** Resolves when this has been requested, past or future. */
  requested(action: string): Promise<void>;
  stop(): Promise<void>;
};

const ACCOUNT = { account: '123456789012', region: 'us-east-1' };
/** Of workers, by its access key. */
const WORKER = 'worker';
/** The endpoint stands for one with TLS. */
const TLS = { 'aws:SecureTransport': 'true' };

export async function startEnforcingProxy(target: string): Promise<EnforcingProxy> {
  const world: World = { principals: {}, resource_policies: [], seen: [], gate: null, changes: new EventEmitter() };
  const server = await serveHttp((asked, answer) => {
    void serve({ asked, answer, target, world }).catch(() => answer.destroy());
  });
  return Object.assign(world, {
    endpoint: server.endpoint,
    async requested(action: string) {
      while (!world.seen.some((one) => one.action === action)) await once(world.changes, 'seen');
    },
    stop: server.stop,
  });
}

type World = Pick<EnforcingProxy, 'principals' | 'resource_policies' | 'seen' | 'gate'> & { changes: EventEmitter };
type Exchange = { asked: IncomingMessage; answer: ServerResponse; target: string; world: World };

async function serve({ asked, answer, target, world }: Exchange): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync(asked as AsyncIterable<Buffer>));
  const { method = '', url: path = '', headers } = asked;
  const http = { method, path, headers, body: body.toString('latin1') };
  const by = /Credential=([^/]+)\//.exec(String(headers.authorization))?.[1] ?? '';
  if (/Action=GetCallerIdentity/.test(http.body)) return identify(answer, world.principals[by]);
  if (/Action=SimulatePrincipalPolicy/.test(http.body)) return simulate(http.body, { answer, world, by });
  const rights = await rightsOf(http, {
    account: { ...ACCOUNT, worker_role: world.principals[WORKER]?.arn ?? '' },
    tagsOf: tagsAt(target),
  });
  const denied = rights.filter((right) => !isAllowed(right, world, by));
  if (denied[0]) return deny(answer, { http, right: denied[0] });
  if (isDamaged(http, body)) return refuseDigest(answer);
  if (isBeyondMaximum(http)) return refuseSize(answer);
  const { action = '', resource = '' } = rights[0] ?? {};
  const pass = async (side: Side) => world.gate?.({ by, action, resource, body: http.body }, side);
  await pass('request');
  const missing = () => {
    const [right] = rights;
    if (right?.action !== 's3:GetObject' || isAllowed(listRightOf(right), world, by)) return true;
    deny(answer, { http, right });
    return false;
  };
  await forward({ http, body, target, answer }, { missing, pass: () => pass('response') });
}

function isAllowed(right: AwsRequest, world: World, by: string): boolean {
  const verdict = judge(right, world, by);
  world.seen.push({ ...right, ...verdict, by });
  world.changes.emit('seen');
  return verdict.allowed;
}

function judge({ action, resource, context }: AwsRequest, world: World, by: string) {
  const { arn = '', identity = [] } = world.principals[by] ?? {};
  const full = { action, resource, context: { ...TLS, 'aws:PrincipalArn': arn, ...context } };
  return evaluate(full, { identity, resource: world.resource_policies });
}

/** As S3 verifies it, and moto does not. */
function isDamaged({ headers }: HttpRequest, body: Buffer): boolean {
  const digest = headers['content-md5'];
  return digest !== undefined && digest !== hash('md5', body, 'base64');
}

function refuseDigest(answer: ServerResponse): void {
  answer.writeHead(400, { 'content-type': 'application/xml', date: new Date().toUTCString() });
  answer.end('<Error><Code>BadDigest</Code><Message>The Content-MD5 you specified did not match</Message></Error>');
}

/** Auto Scaling refuses more than the maximum, ten in the template; moto starts them. */
function isBeyondMaximum({ body }: HttpRequest): boolean {
  return /Action=SetDesiredCapacity/.test(body) && Number(new URLSearchParams(body).get('DesiredCapacity')) > 10;
}

function refuseSize(answer: ServerResponse): void {
  answer.writeHead(400, { 'content-type': 'text/xml' });
  answer.end(
    '<ErrorResponse><Error><Code>ValidationError</Code><Message>above max value</Message></Error></ErrorResponse>',
  );
}

type Onward = { http: HttpRequest; body: Buffer; target: string; answer: ServerResponse };

/** `missing` is asked about an answer 404, and returns false if it has answered itself. */
type Asking = { missing: () => boolean; pass: () => Promise<void> };

async function forward({ http, body, target, answer }: Onward, { missing, pass }: Asking): Promise<void> {
  const { hostname, port } = new URL(target);
  const { method, path, headers } = http;
  const onward = request({ hostname, port, path, method, headers: headers as Record<string, string> });
  onward.end(body);
  const [answered] = (await once(onward, 'response')) as [IncomingMessage];
  await pass().catch((error) => {
    answered.destroy();
    throw error;
  });
  if (answered.statusCode === 404 && !missing()) {
    answered.resume();
    return;
  }
  answer.writeHead(answered.statusCode ?? 502, answered.headers);
  answered.pipe(answer);
}

/** As each service words it. */
function deny(answer: ServerResponse, { http, right }: { http: HttpRequest; right: AwsRequest }): void {
  const message = `not authorized to perform: ${right.action} on resource: ${right.resource}`;
  const date = { date: new Date().toUTCString() };
  if (right.action.startsWith('sqs:')) {
    answer.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
    answer.end(JSON.stringify({ __type: 'com.amazonaws.sqs#AccessDeniedException', message }));
    return;
  }
  const code = right.action.startsWith('ec2:') ? 'UnauthorizedOperation' : 'AccessDenied';
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  answer.writeHead(403, { 'content-type': 'application/xml', ...date });
  if (right.action.startsWith('s3:')) answer.end(http.method === 'HEAD' ? '' : error);
  else answer.end(`<Response><Errors>${error}</Errors>${error}<RequestId>none</RequestId></Response>`);
}

const tagsAt =
  (target: string) =>
  async (instance_id: string): Promise<Record<string, string>> => {
    const authorization =
      'AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0';
    const asked = { Action: 'DescribeTags', Version: '2016-11-15', 'Filter.1.Name': 'resource-id' };
    const body = new URLSearchParams({ ...asked, 'Filter.1.Value.1': instance_id });
    const text = await (await fetch(target, { method: 'POST', headers: { authorization }, body })).text();
    const tags = [...text.matchAll(/<key>([^<]*)<\/key>\s*(?:<[^>]+>[^<]*<\/[^>]+>\s*)*?<value>([^<]*)<\/value>/g)];
    return Object.fromEntries(tags.map(([, key = '', value = '']) => [key, value]));
  };

/** Which anyone may ask; a role is seen by its session. */
function identify(answer: ServerResponse, principal: Principal | undefined): void {
  if (!principal) {
    answer.writeHead(403, { 'content-type': 'text/xml' });
    answer.end(
      '<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>unknown</Message></Error></ErrorResponse>',
    );
    return;
  }
  const arn = principal.arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
  answer.writeHead(200, { 'content-type': 'text/xml' });
  answer.end(
    `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}/session</Arn><UserId>id</UserId><Account>${ACCOUNT.account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  );
}

/** IAM's own simulation, by the same evaluation: the policies of the role that it names, and no resource's. */
function simulate(body: string, { answer, world, by }: { answer: ServerResponse; world: World; by: string }): void {
  const params = new URLSearchParams(body);
  const arn = params.get('PolicySourceArn') ?? '';
  const right = { action: 'iam:SimulatePrincipalPolicy', resource: arn, context: {} };
  if (!isAllowed(right, world, by))
    return deny(answer, { http: { method: 'POST', path: '', headers: {}, body }, right });
  const { identity = [] } = Object.values(world.principals).find((one) => one.arn === arn) ?? {};
  const values = (start: string) => [...params].filter(([name]) => name.startsWith(start)).map(([, value]) => value);
  const context = contextIn(params);
  const results = values('ActionNames.member.').flatMap((action) =>
    values('ResourceArns.member.').map((resource) => {
      const { allowed } = evaluate({ action, resource, context }, { identity, resource: [] });
      const decision = allowed ? 'allowed' : 'implicitDeny';
      return `<member><EvalActionName>${action}</EvalActionName><EvalResourceName>${resource}</EvalResourceName><EvalDecision>${decision}</EvalDecision></member>`;
    }),
  );
  answer.writeHead(200, { 'content-type': 'text/xml' });
  answer.end(
    `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>${results.join('')}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`,
  );
}

function contextIn(params: URLSearchParams): Record<string, string> {
  const names = [...params].filter(([name]) => /^ContextEntries\.member\.\d+\.ContextKeyName$/.test(name));
  return Object.fromEntries(
    names.map(([name, key]) => [key, params.get(name.replace('ContextKeyName', 'ContextKeyValues.member.1')) ?? '']),
  );
}
