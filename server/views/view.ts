/**
 * A view of one subject: which objects must be in the store, and which must not. It follows from the record alone, so
 * it is the same before and after a crash; what must be removed is known without remembering what was written.
 */
export type View = { present: readonly Present[]; absent: readonly string[] };

/** The document is made when it is written, so that two changes are rendered once. */
export type Present = { key: string; document: () => object };

/** Readable for people: two spaces, a newline at the end. */
export const encodeDocument = (document: object): Uint8Array => Buffer.from(`${JSON.stringify(document, null, 2)}\n`);

/**
 * A document without the segment that it reflects, which may be the only difference between two with the same content.
 */
export const withoutVersion = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString()
    .replace(/\n {2}"as_of_seq": \d+(?=,?\n)/, '');

export function together(views: readonly View[]): View {
  return { present: views.flatMap(({ present }) => present), absent: views.flatMap(({ absent }) => absent) };
}
