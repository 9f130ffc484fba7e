/** Collects work until the browser draws its next frame; in a page that is hidden, for a second. */

/** `nextFrame` calls its argument once, later. */
export class Frames {
  readonly #nextFrame: (run: () => void) => void;
  readonly #draw: () => void;
  #work: (() => void)[] = [];
  #waiting = false;

  constructor(draw: () => void, nextFrame: (run: () => void) => void) {
    this.#draw = draw;
    this.#nextFrame = nextFrame;
  }

  add(work: () => void): void {
    this.#work.push(work);
    if (this.#waiting) return;
    this.#waiting = true;
    this.#nextFrame(() => this.#run());
  }

  #run(): void {
    const work = this.#work;
    this.#work = [];
    this.#waiting = false;
    for (const one of work) one();
    this.#draw();
  }
}

const HIDDEN_MS = 1_000;

export function browserFrame(run: () => void): void {
  if (document.visibilityState === 'hidden') setTimeout(run, HIDDEN_MS);
  else requestAnimationFrame(run);
}
