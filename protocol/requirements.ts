/** What a job requires of the worker that gets it, besides what its options require. */
import { type Static, Type } from 'typebox';
import { closed } from './schema.ts';

/** A word that operators give to workers. */
export const WorkerTag = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:=/-]{0,63}$', examples: ['eu'] });

export const Requirements = Type.Object(
  {
    device: Type.Optional(
      Type.String({ minLength: 1, maxLength: 40, examples: ['cuda'], description: 'The device of the worker.' }),
    ),
    tags: Type.Optional(
      Type.Array(WorkerTag, {
        maxItems: 16,
        uniqueItems: true,
        examples: [['eu']],
        description: 'Tags that the worker has, all of them.',
      }),
    ),
  },
  {
    ...closed,
    $id: 'Requirements',
    description:
      'Only a worker that has declared these in its capabilities gets the job. It waits as long as there is none, with the verdict `blocked`.',
  },
);
export type Requirements = Static<typeof Requirements>;
