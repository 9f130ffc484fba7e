/** Draws from distributions, for simulated fleets. */
import { randomOf } from '../random.ts';

export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomOf(seed);
  }

  /** From `low` up to `high`. */
  between(low: number, high: number): number {
    return low + (high - low) * this.#next();
  }

  /** The same, evenly by factors. */
  scale(low: number, high: number): number {
    return Math.exp(this.between(Math.log(low), Math.log(high)));
  }

  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  happens(probability: number): boolean {
    return this.#next() < probability;
  }

  one<T>(values: readonly T[]): T {
    return values[Math.floor(this.#next() * values.length)]!;
  }

  /** With this median; `sigma` is the standard deviation of its logarithm. */
  logNormal(median: number, sigma: number): number {
    const [u, v] = [1 - this.#next(), this.#next()];
    return median * Math.exp(sigma * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v));
  }
}
