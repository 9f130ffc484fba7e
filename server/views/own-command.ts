/** A command of the monitor itself about its archive; its id is not remembered. */
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { CommandBody, Outcome } from '../state-machine/decide/commands.ts';

export function submitOwn(engine: Pick<Engine, 'submit'>, body: CommandBody): Promise<Outcome> {
  return engine.submit({ id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body });
}
