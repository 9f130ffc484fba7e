/**
 * Millions of short texts in a few large buffers: each costs its bytes and two more, and the garbage collector has nothing to visit.
 * None is removed by itself.
 */
const PAGE_BITS = 18;
const PAGE_BYTES = 1 << PAGE_BITS;
const LENGTH_BYTES = 2;

export class PackedTexts {
  readonly #pages: Buffer[] = [];
  #end = 0;

  /** Returns its place, an unsigned 32-bit number. The text is well-formed Unicode of at most 64 KiB. */
  add(text: string): number {
    const bytes = Buffer.byteLength(text);
    const size = LENGTH_BYTES + bytes;
    const left = -this.#end & (PAGE_BYTES - 1);
    if (left < size) {
      this.#end += left;
      this.#pages.push(Buffer.allocUnsafeSlow(PAGE_BYTES));
    }
    const place = this.#end;
    const page = this.#pages.at(-1)!;
    const at = place & (PAGE_BYTES - 1);
    page.writeUInt16LE(bytes, at);
    page.write(text, at + LENGTH_BYTES);
    this.#end += size;
    return place;
  }

  at(place: number): string {
    const page = this.#pages[place >>> PAGE_BITS]!;
    const at = place & (PAGE_BYTES - 1);
    const start = at + LENGTH_BYTES;
    return page.toString('utf8', start, start + page.readUInt16LE(at));
  }

  /** Whether this text of ASCII characters is there. */
  isAt(place: number, text: string): boolean {
    const page = this.#pages[place >>> PAGE_BITS]!;
    const at = place & (PAGE_BYTES - 1);
    if (page.readUInt16LE(at) !== text.length) return false;
    for (let index = 0, byte = at + LENGTH_BYTES; index < text.length; index += 1, byte += 1) {
      if (page[byte] !== text.charCodeAt(index)) return false;
    }
    return true;
  }
}
