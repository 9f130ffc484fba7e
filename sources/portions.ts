/** Splits sightings into portions that fit into a request or a segment of the journal. */
import type { Sighting } from '../protocol/sighting.ts';

const PORTION_MAX = 1000;
const PORTION_BYTES_MAX = 700_000;
/** Size of a sighting with short strings. */
const USUAL_BYTES = 400;
/** Maximum JSON size of a UTF-8 character. */
const CHARACTER_BYTES = 6;

/** In order; nothing is omitted, and no portion is empty. */
export function* portionsOf(sightings: readonly Sighting[], count_max = PORTION_MAX): Generator<Sighting[]> {
  let portion: Sighting[] = [];
  let bytes = 0;
  for (const one of sightings) {
    const size = sizeOf(one);
    if (portion.length === count_max || (portion.length > 0 && bytes + size > PORTION_BYTES_MAX)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(one);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}

const sizeOf = ({ error, s3_path, stage, reported_id }: Sighting): number =>
  USUAL_BYTES +
  CHARACTER_BYTES * [error, s3_path, stage, reported_id].reduce((sum, text) => sum + (text?.length ?? 0), 0);
