/**
 * What became of a damaged store:
 *
 *     named          responses differ or are errors, and every damaged object that matters is named
 *     harmless       every response is right
 *     unverifiable   an object of version 0.1.0, which carries no checksum and which the journal does not name, is well
 *                    formed but changed; or it is a missing archived job of that version
 *     silent         a response differs, and nothing names the object
 *     lost           an acknowledged write, or a restored object, is missing
 */

import type { Damage } from './damages.ts';
import type { FinishedStore } from './finished-store.ts';
import { type Difference, differencesOf, type Truth, truthOf } from './responses.ts';
import { type Phase, type Trial, Trialist } from './trial.ts';

export const OUTCOMES = ['named', 'harmless', 'unverifiable', 'silent', 'lost'] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Verdict = { outcome: Outcome; why: string };

/** The values on which undamaged runs of the same store agree. */
export type Known = { first: Truth; written: Truth; restored: Truth; views: ReadonlyMap<string, string> };

export async function learn(base: FinishedStore): Promise<Known> {
  const [one, other] = [await new Trialist(base, []).run(), await new Trialist(base, []).run()];
  if (!one.written || !other.written || !one.rebuilt.views || !other.rebuilt.views) {
    throw new Error(`${base.name}: a monitor on the undamaged store accepts no writes: ${one.first.messages}`);
  }
  const lost = [...one.lost, ...other.lost];
  if (lost.length > 0) throw new Error(`${base.name}: without damage these are lost: ${lost.join(', ')}`);
  const both = (phase: (trial: Trial) => Phase): Truth => truthOf(phase(one).responses, phase(other).responses);
  const views = [...one.rebuilt.views].filter(([key, text]) => other.rebuilt.views!.get(key) === text);
  return {
    first: both((trial) => trial.first),
    written: both((trial) => trial.written!),
    restored: both((trial) => trial.restored),
    views: new Map(views),
  };
}

export async function judge(base: FinishedStore, known: Known, damages: readonly Damage[]): Promise<Verdict> {
  const trial = await new Trialist(base, damages).run();
  const restored = differencesOf(trial.restored.responses, trial.written ? known.restored : known.first).filter(
    ({ field }) => !(trial.written && (isPosition(field) || isExpectation(field))),
  );
  // Upkeep cannot detect it either: objects that it makes from this one stay. The other objects are judged without it.
  const verifiable = damages.filter((one) => !isUnverifiable(base, one));
  if (restored.length > 0 && verifiable.length < damages.length) {
    const others = verifiable.length > 0 ? await judge(base, known, verifiable) : undefined;
    if (others?.outcome === 'silent' || others?.outcome === 'lost') return others;
    return { outcome: 'unverifiable', why: show(restored) };
  }
  if (trial.lost.length > 0) return { outcome: 'lost', why: trial.lost.join('; ') };
  if (restored.length > 0) return { outcome: 'lost', why: `after restoring: ${show(restored)}` };

  const { rebuilt, first, written } = trial;
  const found: { what: string; messages: string }[] = [];
  const note = (what: string, messages: string) => void (what !== '' && found.push({ what, messages }));
  note(show(differencesOf(first.responses, known.first)), first.messages);
  if (written) note(show(differencesOf(written.responses, known.written)), written.messages);
  if (rebuilt.views) note(differentViews(rebuilt.views, known.views), rebuilt.messages);
  else note('rebuild refuses', `${rebuilt.messages}\n${first.messages}`);
  if (found.length === 0) return { outcome: 'harmless', why: '' };
  for (const { what, messages } of found) {
    const unnamed = damages.filter(({ key }) => !isNamed(key, messages));
    if (unnamed.length === 0) continue;
    // The reported ones may be the only cause.
    if (unnamed.length < damages.length) {
      const verdict = await judge(base, known, unnamed);
      if (verdict.outcome === 'silent' || verdict.outcome === 'lost' || verdict.outcome === 'unverifiable')
        return verdict;
      continue;
    }
    if (unnamed.every((damage) => isUnverifiable(base, damage))) return { outcome: 'unverifiable', why: what };
    return { outcome: 'silent', why: what };
  }
  return { outcome: 'named', why: '' };
}

function show(differences: readonly Difference[]): string {
  const shown = differences.slice(0, 3).map(({ path, field, is, was }) => `${path} ${field} is ${is}, was ${was}`);
  return shown.join('; ') + (differences.length > 3 ? `; and ${differences.length - 3} more` : '');
}

/** Upkeep may need more segments or fewer after damage. */
const isPosition = (field: string): boolean => field.endsWith('as_of_seq');

/** Snapshots of an older version lack what was learned of paces; after the damage of one it is learned from the segments. */
const isExpectation = (field: string): boolean => /\.expected_(start|completion)(\.|$)/.test(field);

function differentViews(views: ReadonlyMap<string, string>, known: ReadonlyMap<string, string>): string {
  const keys = [...known.keys()].filter((key) => views.get(key) !== known.get(key));
  return keys.length === 0 ? '' : `${keys.length} views differ after a rebuild, ${keys[0]} among them`;
}

const RANGE = /(journal\/\d{20}\.ndjson) and the \d+ segments after it, to (journal\/\d{20}\.ndjson)/g;

function isNamed(key: string, messages: string): boolean {
  if (messages.includes(key)) return true;
  // Deleting an archived alert or worker abandons it: a rebuild reports that it deleted the view.
  const alert = /^archive\/alerts\/(.+\.json)$/.exec(key)?.[1];
  if (alert && new RegExp(`alerts/resolved/\\d{4}/\\d\\d/\\d\\d/${alert}`).test(messages)) return true;
  const worker = /^archive\/workers\/(.+)\/(\d+\.json)$/.exec(key);
  if (worker && messages.includes(`workers/terminated/${worker[1]}-${worker[2]}`)) return true;
  // Manifests of version 0.1.0 have no hashes of parts.
  if (messages.includes(key.replace(/\d+\.part$/, 'manifest.json is damaged, or one of its parts is'))) return true;
  for (const [, from, to] of messages.matchAll(RANGE)) if (key >= from! && key <= to!) return true;
  return false;
}

function isUnverifiable({ name, objects }: FinishedStore, { key, bytes }: Damage): boolean {
  if (name !== 'version 0.1.0') return false;
  if (bytes === null) return key.startsWith('archive/jobs/');
  try {
    const was = JSON.parse(Buffer.from(objects.get(key)!).toString());
    JSON.parse(Buffer.from(bytes).toString());
    return !('sha256' in was) && !('manifest_sha256' in was);
  } catch {
    return false;
  }
}
