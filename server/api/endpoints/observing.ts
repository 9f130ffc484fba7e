/** What a request needs to put sightings into the journal: each commit under the request's key, the archive asked first. */
import type { Observing } from '../../sources/observe.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import { readArchivedJob } from '../../views/archived-records.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';

/** `commandOf`: see `commandsOf`. */
export function observingFor(context: ApiContext, commandOf: (body: CommandBody) => Command): Observing {
  const { engine, store } = context;
  return {
    engine,
    catchUp: () => catchUp(context),
    archived: (job_id) => readArchivedJob(store, engine.state, job_id),
    async submit(body) {
      const command = commandOf(body);
      // Nothing new, but the first answer is wanted again if there was something the first time.
      if (body.sightings.length === 0 && !engine.state.tables.commands.has(command.id)) {
        return { refs: [], replayed: false };
      }
      return engine.submit(command);
    },
  };
}
