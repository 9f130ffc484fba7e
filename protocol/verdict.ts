/** The verdict on a job that is not finished: whether it goes as it should, and if not, why. */
import { type Static, Type } from 'typebox';
import { Time, Words } from './schema.ts';

export const VERDICTS = ['on_track', 'slow', 'hung', 'dead', 'starved', 'blocked'] as const;

export const VerdictStatus = Words(
  VERDICTS,
  '`on_track`; `slow`: behind the pace that its duration, model, device and instance type predict; `hung`: its worker is alive, but nothing moves; ' +
    '`dead`: its worker is gone or silent; `starved`: it waits longer than was expected when it was queued; `blocked`: no live worker can take it.',
);
export type VerdictStatus = Static<typeof VerdictStatus>;

/** Figures behind a verdict, by name; units are in the names. */
export const Evidence = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()]), {
  description: 'The figures behind it; units are in the names.',
});
export type Evidence = Static<typeof Evidence>;

export const Verdict = Type.Object(
  {
    status: VerdictStatus,
    reason: Type.String({ description: 'One sentence, for people. `since` says how long it has been so.' }),
    since: Time('Since when it has been so: the last sign of life of a dead worker, the last step of a hung job.'),
    evidence: Evidence,
  },
  { $id: 'Verdict', description: 'Whether a job that is not finished goes as it should, and if not, why.' },
);
export type Verdict = Static<typeof Verdict>;
