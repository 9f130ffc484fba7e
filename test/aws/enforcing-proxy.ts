/**
 * An AWS endpoint in front of moto that enforces IAM policies with conditions and tags, as well as bucket policies,
 * which moto does not support: it returns AWS's error if a request is denied, forwards the others, and records the
 * rights that each needed.
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
/** Before a request is forwarded, or its response. */
export type Side = 'request' | 'response';

export type EnforcingProxy = {
  endpoint: string;
  /** By access key. Others are denied everything. */
  principals: Record<string, Principal>;
  /** Of buckets and queues. */
  resource_policies: readonly Statement[];
  seen: Seen[];
  /** Holds a message until it resolves, and cuts the connection if it rejects. */
  gate: ((passing: Passing, side: Side) => Promise<void>) | null;
  /** Resolves when this has been requested, past or future. */
  requested(action: string): Promise<void>;
  stop(): Promise<void>;
};

const ACCOUNT = { account: '123456789012', region: 'us-east-1' };
/** Of workers, by its access key. */
const WORKER = 'worker';
/** The endpoint represents one with TLS. */
const TLS = { 'aws:SecureTransport': 'true' };

export async function startEnforcingProxy(target: string): Promise<EnforcingProxy> {
  const world: World = { principals: {}, resource_policies: [], seen: [], gate: null, changes: new EventEmitter() };
  const server = await serveHttp((incoming, response) => {
    void serve({ incoming, response, target, world }).catch(() => response.destroy());
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
type Exchange = { incoming: IncomingMessage; response: ServerResponse; target: string; world: World };

async function serve({ incoming, response, target, world }: Exchange): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
  const { method = '', url: path = '', headers } = incoming;
  const http = { method, path, headers, body: body.toString('latin1') };
  const by = /Credential=([^/]+)\//.exec(String(headers.authorization))?.[1] ?? '';
  if (/Action=GetCallerIdentity/.test(http.body)) return identify(response, world.principals[by]);
  if (/Action=SimulatePrincipalPolicy/.test(http.body)) return simulate(http.body, { response, world, by });
  const rights = await rightsOf(http, {
    account: { ...ACCOUNT, worker_role: world.principals[WORKER]?.arn ?? '' },
    tagsOf: tagsAt(target),
  });
  const denied = rights.filter((right) => !isAllowed(right, world, by));
  if (denied[0]) return deny(response, { http, right: denied[0] });
  if (isDamaged(http, body)) return refuseDigest(response);
  if (isBeyondMaximum(http)) return refuseSize(response);
  const { action = '', resource = '' } = rights[0] ?? {};
  const pass = async (side: Side) => world.gate?.({ by, action, resource, body: http.body }, side);
  await pass('request');
  const missing = () => {
    const [right] = rights;
    if (right?.action !== 's3:GetObject' || isAllowed(listRightOf(right), world, by)) return true;
    deny(response, { http, right });
    return false;
  };
  await forward({ http, body, target, response }, { missing, pass: () => pass('response') });
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

function refuseDigest(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'application/xml', date: new Date().toUTCString() });
  response.end('<Error><Code>BadDigest</Code><Message>The Content-MD5 you specified did not match</Message></Error>');
}

/** Auto Scaling refuses more than the maximum, ten in the template; moto would start them. */
function isBeyondMaximum({ body }: HttpRequest): boolean {
  return /Action=SetDesiredCapacity/.test(body) && Number(new URLSearchParams(body).get('DesiredCapacity')) > 10;
}

function refuseSize(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'text/xml' });
  response.end(
    '<ErrorResponse><Error><Code>ValidationError</Code><Message>above max value</Message></Error></ErrorResponse>',
  );
}

type Onward = { http: HttpRequest; body: Buffer; target: string; response: ServerResponse };

/** `missing` is called for a 404 response, and returns false if it has already responded. */
type Hooks = { missing: () => boolean; pass: () => Promise<void> };

async function forward({ http, body, target, response }: Onward, { missing, pass }: Hooks): Promise<void> {
  const { hostname, port } = new URL(target);
  const { method, path, headers } = http;
  const onward = request({ hostname, port, path, method, headers: headers as Record<string, string> });
  onward.end(body);
  const [upstream] = (await once(onward, 'response')) as [IncomingMessage];
  await pass().catch((error) => {
    upstream.destroy();
    throw error;
  });
  if (upstream.statusCode === 404 && !missing()) {
    upstream.resume();
    return;
  }
  response.writeHead(upstream.statusCode ?? 502, upstream.headers);
  upstream.pipe(response);
}

/** In each service's format. */
function deny(response: ServerResponse, { http, right }: { http: HttpRequest; right: AwsRequest }): void {
  const message = `not authorized to perform: ${right.action} on resource: ${right.resource}`;
  const date = { date: new Date().toUTCString() };
  if (right.action.startsWith('sqs:')) {
    response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: 'com.amazonaws.sqs#AccessDeniedException', message }));
    return;
  }
  const code = right.action.startsWith('ec2:') ? 'UnauthorizedOperation' : 'AccessDenied';
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(403, { 'content-type': 'application/xml', ...date });
  if (right.action.startsWith('s3:')) response.end(http.method === 'HEAD' ? '' : error);
  else response.end(`<Response><Errors>${error}</Errors>${error}<RequestId>none</RequestId></Response>`);
}

const tagsAt =
  (target: string) =>
  async (instance_id: string): Promise<Record<string, string>> => {
    const authorization =
      'AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0';
    const parameters = { Action: 'DescribeTags', Version: '2016-11-15', 'Filter.1.Name': 'resource-id' };
    const body = new URLSearchParams({ ...parameters, 'Filter.1.Value.1': instance_id });
    const text = await (await fetch(target, { method: 'POST', headers: { authorization }, body })).text();
    const tags = [...text.matchAll(/<key>([^<]*)<\/key>\s*(?:<[^>]+>[^<]*<\/[^>]+>\s*)*?<value>([^<]*)<\/value>/g)];
    return Object.fromEntries(tags.map(([, key = '', value = '']) => [key, value]));
  };

/** Allowed for everyone; a role is shown by its session. */
function identify(response: ServerResponse, principal: Principal | undefined): void {
  if (!principal) {
    response.writeHead(403, { 'content-type': 'text/xml' });
    response.end(
      '<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>unknown</Message></Error></ErrorResponse>',
    );
    return;
  }
  const arn = principal.arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}/session</Arn><UserId>id</UserId><Account>${ACCOUNT.account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  );
}

/** IAM's own simulation, by the same evaluation: the policies of the role that it names, and not of resources. */
function simulate(body: string, { response, world, by }: { response: ServerResponse; world: World; by: string }): void {
  const params = new URLSearchParams(body);
  const arn = params.get('PolicySourceArn') ?? '';
  const right = { action: 'iam:SimulatePrincipalPolicy', resource: arn, context: {} };
  if (!isAllowed(right, world, by))
    return deny(response, { http: { method: 'POST', path: '', headers: {}, body }, right });
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
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>${results.join('')}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`,
  );
}

function contextIn(params: URLSearchParams): Record<string, string> {
  const names = [...params].filter(([name]) => /^ContextEntries\.member\.\d+\.ContextKeyName$/.test(name));
  return Object.fromEntries(
    names.map(([name, key]) => [key, params.get(name.replace('ContextKeyName', 'ContextKeyValues.member.1')) ?? '']),
  );
}
