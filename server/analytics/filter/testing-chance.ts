/** Random choices from a seed, so that a failing case is found again. */

import { randomOf } from '../../../test/random.ts';

export class Chance {
  /** From 0 up to 1. */
  readonly fraction: () => number;

  constructor(seed: number) {
    this.fraction = randomOf(seed);
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  some<T>(least: number, most: number, item: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, item);
  }
}
