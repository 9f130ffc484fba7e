/** The pattern of an id, apart from its schema so that code without a schema library can use it. */

/** Safe as a path segment, a URL segment and a file name on every system. */
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$';

const id = new RegExp(ID_PATTERN);

export function isId(text: string): boolean {
  return id.test(text);
}
