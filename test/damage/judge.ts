/**
 * What became of a damaged store:
 *
 *     named          answers differ or are errors, and every damaged object that matters is named
 *     harmless       every answer is right
 *     unverifiable   an object of version 0.1.0, which carries no checksum and which the journal does not name, is well
 *                    formed and not what was written; or it is an archived job of that version, and gone
 *     silent         an answer differs, and nothing names the object
 *     lost           a write that was acknowledged, or what was put back, is missing
 */
import { type Difference, differencesOf, type Truth, truthOf } from './answers.ts';
import type { Damage } from './damages.ts';
import type { FinishedStore } from './finished-store.ts';
import { type Phase, type Trial, Trialist } from './trial.ts';

export const OUTCOMES = ['named', 'harmless', 'unverifiable', 'silent', 'lost'] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Verdict = { outcome: Outcome; why: string };

/** What undamaged runs of the same store agree about. */
export type Known = { first: Truth; written: Truth; restored: Truth; views: ReadonlyMap<string, string> };

export async function learn(base: FinishedStore): Promise<Known> {
  const [one, other] = [await new Trialist(base, []).run(), await new Trialist(base, []).run()];
  if (!one.written || !other.written || !one.rebuilt.views || !other.rebuilt.views) {
    throw new Error(`${base.name}: a monitor on the undamaged store takes no writes: ${one.first.said}`);
  }
  const lost = [...one.lost, ...other.lost];
  if (lost.length > 0) throw new Error(`${base.name}: without damage there is lost ${lost.join(', ')}`);
  const both = (phase: (trial: Trial) => Phase): Truth => truthOf(phase(one).answers, phase(other).answers);
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
  const restored = differencesOf(trial.restored.answers, trial.written ? known.restored : known.first).filter(
    ({ field }) => !(trial.written && isPosition(field)),
  );
  // Upkeep cannot see it either: what it makes of the object stays. The other objects are judged without it.
  const verifiable = damages.filter((one) => !isUnverifiable(base, one));
  if (restored.length > 0 && verifiable.length < damages.length) {
    const others = verifiable.length > 0 ? await judge(base, known, verifiable) : undefined;
    if (others?.outcome === 'silent' || others?.outcome === 'lost') return others;
    return { outcome: 'unverifiable', why: show(restored) };
  }
  if (trial.lost.length > 0) return { outcome: 'lost', why: trial.lost.join('; ') };
  if (restored.length > 0) return { outcome: 'lost', why: `after putting back: ${show(restored)}` };

  const { rebuilt, first, written } = trial;
  const found: { what: string; said: string }[] = [];
  const note = (what: string, said: string) => void (what !== '' && found.push({ what, said }));
  note(show(differencesOf(first.answers, known.first)), first.said);
  if (written) note(show(differencesOf(written.answers, known.written)), written.said);
  if (rebuilt.views) note(differentViews(rebuilt.views, known.views), rebuilt.said);
  else note('rebuild refuses', `${rebuilt.said}\n${first.said}`);
  if (found.length === 0) return { outcome: 'harmless', why: '' };
  for (const { what, said } of found) {
    const unnamed = damages.filter(({ key }) => !isNamed(key, said));
    if (unnamed.length === 0) continue;
    // Those that are named may be all there is to it.
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

function differentViews(views: ReadonlyMap<string, string>, known: ReadonlyMap<string, string>): string {
  const keys = [...known.keys()].filter((key) => views.get(key) !== known.get(key));
  return keys.length === 0 ? '' : `${keys.length} views differ after a rebuild, ${keys[0]} among them`;
}

const RANGE = /(journal\/\d{20}\.ndjson) and the \d+ segments after it, to (journal\/\d{20}\.ndjson)/g;

function isNamed(key: string, said: string): boolean {
  if (said.includes(key)) return true;
  // Deleting an archived alert or worker gives it up: a rebuild reports that it deleted the view.
  const alert = /^archive\/alerts\/(.+\.json)$/.exec(key)?.[1];
  if (alert && new RegExp(`alerts/resolved/\\d{4}/\\d\\d/\\d\\d/${alert}`).test(said)) return true;
  const worker = /^archive\/workers\/(.+)\/(\d+\.json)$/.exec(key);
  if (worker && said.includes(`workers/terminated/${worker[1]}-${worker[2]}`)) return true;
  // Manifests of version 0.1.0 have no hashes of parts.
  if (said.includes(key.replace(/\d+\.part$/, 'manifest.json is damaged, or one of its parts is'))) return true;
  for (const [, from, to] of said.matchAll(RANGE)) if (key >= from! && key <= to!) return true;
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
