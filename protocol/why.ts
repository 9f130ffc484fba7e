/** Why a job waits, is slow, has failed or costs what it costs: in one sentence, in figures, and with the call that helps. */
import { type Static, Type } from 'typebox';
import { Estimate } from './estimate.ts';
import { Id } from './ids.ts';
import { JobStateName } from './job.ts';
import { AsOfSeq, Nullable, Ordinal } from './schema.ts';
import { Evidence, Verdict } from './verdict.ts';

export const JobWhy = Type.Object(
  {
    job_id: Id,
    state: JobStateName,
    answer: Type.String({ description: 'Why it is where it is, in one sentence.' }),
    cost: Type.String({ description: 'Why it costs what it costs, in one sentence.' }),
    verdict: Nullable(Verdict),
    evidence: Evidence,
    queue: Nullable(
      Type.Object(
        {
          position: Nullable(Ordinal('Of the jobs that may be claimed, from 1; an estimate beyond 10,000.')),
          expected_start: Nullable(Estimate),
        },
        { description: 'Of a job that may be claimed. `expected_start` is null until the pace of 20 jobs is known.' },
      ),
    ),
    remedy: Nullable(
      Type.Object(
        {
          what: Type.String({ description: 'What the call does, for people.' }),
          method: Type.String(),
          path: Type.String({ description: 'Below the server, with `/api/v1`.' }),
          body: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        },
        { description: 'A call that helps; null if there is nothing to do but wait, or nothing is wrong.' },
      ),
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'JobWhy', description: 'Why a job waits, is slow, has failed or costs what it costs.' },
);
export type JobWhy = Static<typeof JobWhy>;
