/** Sightings in portions that a request, or a segment of the journal, can hold. */
import type { Sighting } from '../protocol/sighting.ts';

const PORTION_MAX = 1000;
const PORTION_BYTES_MAX = 700_000;
/** Of a sighting with short words. */
const USUAL_BYTES = 400;
/** A character of UTF-8 as JSON writes it, at worst. */
const CHARACTER_BYTES = 6;

/** In order; none is left out, and none is empty. */
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

const sizeOf = ({ error, s3_path, stage }: Sighting): number =>
  USUAL_BYTES + CHARACTER_BYTES * ((error?.length ?? 0) + (s3_path?.length ?? 0) + (stage?.length ?? 0));
