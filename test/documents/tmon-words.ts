/** The `tmon` commands in a text for a shell, checked by the command line's own parser, without running them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command, CommanderError } from 'commander';
import { ROOT } from './blocks.ts';

/** The arguments of each `tmon` in it, as a shell splits them. */
export function tmonCommands(text: string): string[][] {
  const found: string[][] = [];
  for (const words of simpleCommands(text)) {
    const at = words.findIndex((word) => /(^|\/)tmon(\.mjs)?$/.test(word));
    const before = words.slice(0, Math.max(at, 0));
    if (at !== -1 && before.every((word) => word === 'npx' || word === '-' || /^\w+=/.test(word)))
      found.push(words.slice(at + 1));
  }
  return found;
}

const OPERATORS = /^(?:&&|\|\||[|;&()]|\n)/;
const REDIRECTION = /^\d?>{1,2} ?[^\s|;&]+/;

/** The words between pipes, `&&` and the like, without quotes, comments and redirections. */
export function simpleCommands(text: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  const end = () => {
    if (word !== null) commands.at(-1)!.push(word);
    word = null;
  };
  for (let rest = text; rest !== ''; ) {
    const [taken, add] = nextPart(rest, word === null);
    if (add !== null) word = (word ?? '') + add;
    else {
      end();
      if (OPERATORS.test(taken)) commands.push([]);
    }
    rest = rest.slice(taken.length);
  }
  end();
  return commands.filter((words) => words.length > 0);
}

/** What is consumed, and what it adds to a word; null if it ends the word. */
function nextPart(rest: string, first: boolean): [taken: string, add: string | null] {
  if (rest.startsWith('\\\n')) return ['\\\n', null];
  if (first && rest.startsWith('#')) return [/^[^\n]*/.exec(rest)![0], null];
  if (first && REDIRECTION.test(rest)) return [REDIRECTION.exec(rest)![0], null];
  const operator = OPERATORS.exec(rest);
  if (operator !== null) return [operator[0], null];
  if (/^\s/.test(rest)) return [rest[0]!, null];
  const quoted = /^'([^']*)'/.exec(rest) ?? /^"((?:[^"\\]|\\.)*)"/s.exec(rest);
  return quoted === null ? [rest[0]!, rest[0]!] : [quoted[0], quoted[1]!];
}

/** Null if the command line takes these arguments, otherwise what it says. `mention`: arguments may be missing. */
export async function whyRefused(
  [name = '', ...rest]: readonly string[],
  { mention = false } = {},
): Promise<string | null> {
  if (name === 'help' && rest.length === 1) return whyRefused([rest[0]!, '--help']);
  if (name === '--help' || name === '--version') return null;
  if (!/^[a-z]+$/.test(name) || !existsSync(join(ROOT, `cli/${name}.ts`))) return `no command ${JSON.stringify(name)}`;
  const module = (await import(pathToFileURL(join(ROOT, `cli/${name}.ts`)).href)) as Record<string, () => Command>;
  const command = module[`${name}Command`]!();
  withoutActions(command);
  try {
    await command.parseAsync(rest, { from: 'user' });
    return null;
  } catch (error) {
    const { exitCode, code, message } = error as CommanderError;
    return exitCode === 0 || (mention && (INCOMPLETE.includes(code) || rest.includes('…'))) ? null : message;
  }
}

const INCOMPLETE = [
  'commander.missingArgument',
  'commander.optionMissingArgument',
  'commander.missingMandatoryOptionValue',
  'commander.help',
];

function withoutActions(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  // A command with others below it may act, too: `tmon worker`, `tmon worker doctor`.
  const acts = (command as unknown as { _actionHandler: unknown })._actionHandler !== null;
  if (command.commands.length === 0 || acts) command.action(() => {});
  for (const below of command.commands) withoutActions(below);
}
