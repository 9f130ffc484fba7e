/** Policies, what they have decided, and the end of a pause. */
import { Type } from 'typebox';
import { AUTHOR_MAX } from '../../../protocol/alert.ts';
import { Id } from '../../../protocol/ids.ts';
import {
  Action,
  ActionOutcome,
  DecidedAction,
  EffectivePolicies,
  JOB_REASONS,
  WORKER_REASONS,
} from '../../../protocol/policies.ts';
import { closed, Words } from '../../../protocol/schema.ts';
import { actionDocument, policiesDocument } from '../../documents/policies.ts';
import { type ActionRecord, newestActions } from '../../state-machine/state/actions.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';
import { decodeCursor, encodeCursor, NEWEST, PAGE_DEFAULT } from './listing.ts';

const ActionsQuery = Type.Object(
  {
    policy: Type.Optional(Type.String({ maxLength: 64 })),
    verdict: Type.Optional(Words([...JOB_REASONS, ...WORKER_REASONS], 'Only decisions for this verdict.')),
    action: Type.Optional(Action),
    outcome: Type.Optional(ActionOutcome),
    job_id: Type.Optional(Id),
    worker_id: Type.Optional(Id),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  closed,
);

const Author = Type.Union([
  Type.Object(
    {
      by: Type.Optional(
        Type.String({ minLength: 1, maxLength: AUTHOR_MAX, description: 'Who does it. Default: api.' }),
      ),
    },
    closed,
  ),
  Type.Null(),
]);

const documentOf = ({ engine, policies }: ApiContext): EffectivePolicies => ({
  ...policiesDocument(engine.state, engine.policy.policies, engine.journal.now()),
  problem: policies.problem ?? null,
});

export const policyEndpoints = [
  endpoint({
    method: 'GET',
    path: '/system/policies',
    operation: 'system.policies',
    permission: 'fleet',
    summary: 'Get the policies that apply, with what they did in the last hour, and whether they are paused',
    responses: { 200: EffectivePolicies },
    run: async (context) => documentOf(context),
  }),
  endpoint({
    method: 'POST',
    path: '/system/policies/resume',
    operation: 'system.resumePolicies',
    permission: 'operate',
    summary: 'End the pause of the circuit breaker: what stands now does not pause the policies again',
    body: Author,
    responses: { 200: EffectivePolicies },
    async run(context, { body, caller }) {
      await context.engine.submit(commandOf(caller, { type: 'resume_policies', by: body?.by ?? caller.subject.actor }));
      return documentOf(context);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/system/actions',
    operation: 'system.actions',
    permission: 'fleet',
    summary: 'List the last decisions of policies, newest first: done, or why not',
    query: ActionsQuery,
    responses: { 200: pageOf(DecidedAction) },
    async run({ engine: { state } }, { query }) {
      const { limit = PAGE_DEFAULT, cursor: text, ...filter } = query;
      const cursor = decodeCursor(text);
      const before = cursor && 'ordinal' in cursor ? cursor.ordinal : NEWEST;
      const wanted = Object.entries(filter) as [keyof ActionRecord, string][];
      const found: ActionRecord[] = [];
      for (const action of newestActions(state, before)) {
        if (wanted.some(([name, value]) => action[name] !== value)) continue;
        found.push(action);
        if (found.length === limit) break;
      }
      const next_cursor = found.length === limit ? encodeCursor({ ordinal: found.at(-1)!.ordinal }) : null;
      return { items: found.map(actionDocument), next_cursor };
    },
  }),
];
