/** One thing that the tests need and `npm ci` doesn't bring. Steps run at the same time: none may rest on another. */
export type SetupStep = {
  name: string;
  /** Prepares it, or finds it prepared; answers what there is now, in a few words. Rejects with a reason in words. */
  run(): Promise<string>;
};
