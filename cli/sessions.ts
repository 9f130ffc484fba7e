/** `tmon sessions`: the browsers that are signed in. */
import { Command } from 'commander';
import type { OpenSession } from '../protocol/session.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { isTerminal, note, printJson, printLine, printTable } from './output.ts';

export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('Browsers that are signed in: list, revoke.');
  sessions.addCommand(clientCommand('list').description('List the sessions, the newest first.').action(list), {
    isDefault: true,
  });
  sessions.addCommand(
    clientCommand('revoke')
      .description('End a session: its browser is signed out.')
      .argument('<session>', 'its id')
      .action(async (id: string, options: ClientOptions) => {
        const ended = await clientOf(options).sessions.revoke(id);
        if (options.json) printJson(ended);
        else printLine(`${ended.name || ended.id} is signed out`);
      }),
  );
  return sessions;
}

async function list(options: ClientOptions): Promise<void> {
  const found = (await clientOf(options).sessions.list().page()).items as OpenSession[];
  if (options.json) {
    for (const session of found) printJson(session);
    return;
  }
  if (found.length === 0 && isTerminal()) return note('no browser is signed in');
  printTable(
    ['SESSION', 'NAME', 'ROLE', 'BY', 'SIGNED IN', 'ENDS'],
    found.map(({ id, name, role, key_id, issuer, signed_in_at, expires_at }) => [
      id,
      name,
      role,
      key_id === null ? (issuer ?? '–') : `key ${key_id}`,
      signed_in_at ?? '–',
      expires_at,
    ]),
  );
}
