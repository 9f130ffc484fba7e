/** What one check of `tmon worker doctor` found. */

export type FindingStatus =
  | 'ok'
  /** A worker runs, and something is worse than it could be. */
  | 'warning'
  /** A worker would not run, or would fail jobs. */
  | 'problem'
  /** Something before it is a problem. */
  | 'not checked';

export type Finding = {
  check: string;
  status: FindingStatus;
  says: string;
  /** How to fix it. */
  hint?: string;
};

export const finding = (check: string, status: FindingStatus, says: string, hint?: string): Finding => ({
  check,
  status,
  says,
  ...(hint === undefined ? {} : { hint }),
});
