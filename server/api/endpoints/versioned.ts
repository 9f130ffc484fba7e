/** Reading one resource that has a version: sends its `ETag`, and 304 if `If-None-Match` has it. */
import type { State } from '../../state-machine/state/state.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import type { ApiRequest } from '../endpoint.ts';
import { notModified } from '../etag.ts';

type Reading<P, R> = {
  find: (context: ApiContext, params: P, caller: Caller) => R | Promise<R>;
  /** null if the document also depends on something that no version covers: then it is always sent. */
  version: (resource: R) => number | string | null;
  document: (resource: R) => object;
};

/** Returns the `run` of an endpoint with `etag`. */
export function versioned<P, R>({ find, version, document }: Reading<P, R>) {
  return async (context: ApiContext, { params, caller, reply }: ApiRequest<P, unknown, unknown>): Promise<unknown> => {
    const resource = await find(context, params, caller);
    const current = version(resource);
    return (current === null ? undefined : notModified(caller, reply, current)) ?? document(resource);
  };
}

/** The same for a document of the whole state. */
export const versionedState = (document: (state: State) => object) =>
  versioned({ find: ({ engine }) => engine.state, version: ({ seq }) => seq, document });
