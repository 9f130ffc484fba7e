/** One requirement of the tests that `npm ci` does not install. Steps run concurrently: none may depend on another. */
export type SetupStep = {
  name: string;
  /** Installs it, or finds it installed; returns a short status. Rejects with a readable reason. */
  run(): Promise<string>;
};
