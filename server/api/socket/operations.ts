/**
 * The operations that can be called by name, over the WebSocket: every endpoint that does not need HTTP itself. They take what they
 * take over HTTP, by the same schemas; but all of it is JSON, so that a number in a path or a query is one.
 */
import { type TSchema, Type } from 'typebox';
import { type FieldError, MonitorError } from '../../../protocol/errors.ts';
import type { CallRequest } from '../../../protocol/feed.ts';
import { closed } from '../../../protocol/schema.ts';
import { type Caller, canonicalUrl, type Reply } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { bodySchema, type Endpoint, NO_BODY, querySchema } from '../endpoint.ts';
import { invalidPart } from '../errors.ts';
import { assertDepth } from '../http/parsers.ts';
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
  /** What is to be said of a call without a query: nothing, mostly. */
  #unasked: ReturnType<Check> | null = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    const body: TSchema = endpoint.consumes ? Type.String() : (bodySchema(endpoint) ?? NO_BODY);
    this.#checkParams = validator(endpoint.params ?? NO_PARAMS);
    this.#checkQuery = validator(querySchema(endpoint));
    this.#checkBody = validator(body);
  }

  get method(): Endpoint['method'] {
    return this.#endpoint.method;
  }

  /** Where a request over HTTP would find it. */
  url({ params = EMPTY, query = EMPTY }: Pick<CallRequest, 'params' | 'query'>): string {
    return canonicalUrl(`/api/v1${this.#endpoint.path}`, params, query);
  }

  /** Checks what was asked, then does it. Rejects as the endpoint does, and with what is wrong with the call. */
  run(context: ApiContext, asked: CallRequest, call: Caller & Reply): Promise<unknown> {
    return asked.query?.min_seq === undefined
      ? this.#run(context, asked, call, asked.query)
      : this.#runAfter(context, asked, call);
  }

  async #runAfter(context: ApiContext, asked: CallRequest, call: Caller & Reply): Promise<unknown> {
    const query = { ...asked.query };
    await waitForSeq(query, context);
    return this.#run(context, asked, call, query);
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
    if (query === EMPTY) this.#unasked ??= this.#checkQuery(EMPTY);
    assertValid('query', query === EMPTY ? this.#unasked! : this.#checkQuery(query));
    return this.#endpoint.run(context, { params, query, body, caller: call, reply: call, http: NO_HTTP });
  }
}

/** Those that look at it are not called this way. */
const NO_HTTP = undefined as never;

function assertValid(where: 'params' | 'query' | 'body', checked: ReturnType<Check>): void {
  if ('errors' in checked) throw invalidPart(where, checked.errors);
}

export class Operations {
  readonly #byName: ReadonlyMap<string, Operation>;
  readonly #httpOnly: ReadonlyMap<string, Endpoint>;

  constructor(endpoints: readonly Endpoint[]) {
    const callable = endpoints.filter(({ http_only }) => !http_only);
    this.#byName = new Map(callable.map((one) => [one.operation, new Operation(one)]));
    this.#httpOnly = new Map(endpoints.filter(({ http_only }) => http_only).map((one) => [one.operation, one]));
  }

  /** Throws where there is none of that name, or it can't be called. */
  find(name: string): Operation {
    const operation = this.#byName.get(name);
    if (operation) return operation;
    const streaming = this.#httpOnly.get(name);
    if (streaming) {
      const { method, path } = streaming;
      throw new MonitorError('invalid', 'http_only', `${name} is not to be called here`, {
        hint: `Send it over HTTP: ${method} /api/v1${path}`,
      });
    }
    throw new MonitorError('not_found', 'unknown_operation', `there is no operation ${JSON.stringify(name)}`, {
      hint: 'They are named in the API document: /api/v1/openapi.json',
    });
  }
}
