/** Submits the sightings of a request: each commit has the request's key, and archived jobs are looked up first. */
import type { Observing } from '../../sources/observe.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import { findArchivedJob } from '../../views/archived-records.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';

/** `commandOf` comes from `commandsOf`. */
export function observingFor(context: ApiContext, commandOf: (body: CommandBody) => Command): Observing {
  const { engine, store } = context;
  return {
    engine,
    catchUp: () => catchUp(context),
    archived: (job_id) => findArchivedJob({ engine, store }, job_id),
    async submit(body) {
      const command = commandOf(body);
      // There is nothing new to submit, but a repeated request returns its first result.
      if (body.sightings.length === 0 && !engine.state.tables.commands.has(command.id)) {
        return { refs: [], replayed: false };
      }
      return engine.submit(command);
    },
  };
}
