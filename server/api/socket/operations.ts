/**
 * The operations that can be called by name over the WebSocket: every endpoint that does not use HTTP directly. The
 * schemas are the same as over HTTP, but everything is JSON, so numbers in paths and queries are numbers.
 */
import { type TSchema, Type } from 'typebox';
import { type FieldError, MonitorError } from '../../../protocol/errors.ts';
import type { CallRequest } from '../../../protocol/feed.ts';
import { closed } from '../../../protocol/schema.ts';
import { type Caller, canonicalUrl, type Reply } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { bodySchema, type Endpoint, NO_BODY, querySchema } from '../endpoint.ts';
import { invalidPart } from '../errors.ts';
import { assertDepth } from '../large/unparsed-body.ts';
import { waitForSeq } from '../min-seq.ts';
import { validator } from '../validation.ts';

const NO_PARAMS = Type.Object({}, closed);
const EMPTY = Object.freeze({});

type Check = (value: unknown) => { errors: FieldError[] } | { value: unknown };

export class Operation {
  readonly #endpoint: Endpoint;
  readonly #checkParams: Check;
  readonly #checkQuery: Check;
  readonly #checkBody: Check;
  /** The cached check of an absent query. */
  #no_query: ReturnType<Check> | null = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    const body: TSchema = endpoint.consumes ? Type.String() : (bodySchema(endpoint) ?? NO_BODY);
    this.#checkParams = validator(endpoint.params ?? NO_PARAMS);
    this.#checkQuery = validator(querySchema(endpoint));
    this.#checkBody = validator(body);
  }

  get permission(): Endpoint['permission'] {
    return this.#endpoint.permission;
  }

  get method(): Endpoint['method'] {
    return this.#endpoint.method;
  }

  /** The URL of the same request over HTTP. */
  url({ params = EMPTY, query = EMPTY }: Pick<CallRequest, 'params' | 'query'>): string {
    return canonicalUrl(`/api/v1${this.#endpoint.path}`, params, query);
  }

  /** Validates the call, then runs the endpoint. Throws or rejects with MonitorError. */
  run(context: ApiContext, request: CallRequest, call: Caller & Reply): Promise<unknown> {
    return request.query?.min_seq === undefined
      ? this.#run(context, request, call, request.query)
      : this.#runAfter(context, request, call);
  }

  async #runAfter(context: ApiContext, request: CallRequest, call: Caller & Reply): Promise<unknown> {
    const query = { ...request.query };
    await waitForSeq(query, context);
    return this.#run(context, request, call, query);
  }

  #run(
    context: ApiContext,
    { params = EMPTY, body = null }: CallRequest,
    call: Caller & Reply,
    query: object = EMPTY,
  ): Promise<unknown> {
    assertDepth(body);
    assertValid('params', this.#checkParams(params));
    assertValid('body', this.#checkBody(body));
    if (query === EMPTY) this.#no_query ??= this.#checkQuery(EMPTY);
    assertValid('query', query === EMPTY ? this.#no_query! : this.#checkQuery(query));
    return this.#endpoint.run(context, { params, query, body, caller: call, reply: call, http: NO_HTTP });
  }
}

/** Endpoints that use `http` are not callable here. */
const NO_HTTP = undefined as never;

function assertValid(where: 'params' | 'query' | 'body', checked: ReturnType<Check>): void {
  if ('errors' in checked) throw invalidPart(where, checked.errors);
}

export class Operations {
  readonly #byName: ReadonlyMap<string, Operation>;
  readonly #httpOnly: ReadonlyMap<string, Endpoint>;

  constructor(endpoints: readonly Endpoint[]) {
    const callable = endpoints.filter(({ http_only }) => !http_only);
    this.#byName = new Map(callable.map((endpoint) => [endpoint.operation, new Operation(endpoint)]));
    this.#httpOnly = new Map(
      endpoints.filter(({ http_only }) => http_only).map((endpoint) => [endpoint.operation, endpoint]),
    );
  }

  /** Throws if the operation does not exist or cannot be called. */
  find(name: string): Operation {
    const operation = this.#byName.get(name);
    if (operation) return operation;
    const streaming = this.#httpOnly.get(name);
    if (streaming) {
      const { method, path } = streaming;
      throw new MonitorError('invalid', 'http_only', `${name} cannot be called over the WebSocket`, {
        hint: `Send it over HTTP: ${method} /api/v1${path}`,
      });
    }
    throw new MonitorError('not_found', 'unknown_operation', `there is no operation ${JSON.stringify(name)}`, {
      hint: 'The API document lists all operations: /api/v1/openapi.json',
    });
  }
}
