/**
 * A view of one thing: which objects must be in the store, and which must not. It follows from the record alone, so it
 * says the same after a crash as before it; what is to be removed is known without remembering what was written.
 */
export type View = { present: readonly Present[]; absent: readonly string[] };

/** The document is made when it is written, not before: what changes twice is rendered once. */
export type Present = { key: string; document: () => object };

/** For people too: two spaces, a newline at the end. */
export const encodeDocument = (document: object): Uint8Array => Buffer.from(`${JSON.stringify(document, null, 2)}\n`);

/** A document without the segment that it reflects, by which alone two that show the same may differ. */
export const withoutVersion = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString()
    .replace(/\n {2}"as_of_seq": \d+(?=,?\n)/, '');

export function together(views: readonly View[]): View {
  return { present: views.flatMap(({ present }) => present), absent: views.flatMap(({ absent }) => absent) };
}
