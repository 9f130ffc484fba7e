/** Creates the table `job_status` in one kind of database. */
export type TableMaker = {
  /** The URL without secrets. */
  name: string;
  /** What creates it, as a statement or a command. */
  statement: string;
  /** Returns whether it was created; false if it already existed. Throws a SourceError. */
  make(): Promise<boolean>;
};
