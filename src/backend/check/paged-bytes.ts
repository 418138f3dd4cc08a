// A number for every byte of an address range without end, for the backend's checkers. Memory is kept in pages; a page whose
// bytes all hold one number is that number, so that dense buffers cost a few words, whatever their size.

const PAGE_BITS = 9;
const PAGE = 1 << PAGE_BITS;

/** Called with stretches [lo, hi) of one number, ascending; true ends the walk. */
export type Visit = (value: number, lo: number, hi: number) => boolean | undefined;

export class PagedBytes {
  private readonly pages = new Map<number, number | Int32Array>();
  private readonly initial: number;

  /** @param initial what bytes hold that were never set (int32) */
  constructor(initial: number) {
    this.initial = initial;
  }

  /** Bytes [lo, hi) hold `value` from here on. */
  set(lo: number, hi: number, value: number): void {
    this.change(lo, hi, value, 0);
  }

  /** Sets bits in the numbers of bytes [lo, hi). */
  merge(lo: number, hi: number, bits: number): void {
    this.change(lo, hi, bits, -1);
  }

  /** Each byte keeps the bits of `keep` of its old number and gets those of `value`. */
  private change(lo: number, hi: number, value: number, keep: number): void {
    for (let at = lo; at < hi; ) {
      const number = Math.floor(at / PAGE);
      const start = number * PAGE;
      const end = Math.min(hi, start + PAGE);
      const old = this.pages.get(number) ?? this.initial;
      if (typeof old === 'number') {
        const made = (old & keep) | value;
        if (made !== old) {
          if (end - at === PAGE) this.pages.set(number, made);
          else this.pages.set(number, new Int32Array(PAGE).fill(old).fill(made, at - start, end - start));
        }
      } else if (end - at === PAGE && keep === 0) this.pages.set(number, value);
      else for (let i = at - start; i < end - start; i++) old[i] = (old[i]! & keep) | value;
      at = end;
    }
  }

  /** Walks the numbers of bytes [lo, hi); whether `visit` ended the walk. */
  walk(lo: number, hi: number, visit: Visit): boolean {
    for (let at = lo; at < hi; ) {
      const number = Math.floor(at / PAGE);
      const start = number * PAGE;
      const end = Math.min(hi, start + PAGE);
      const page = this.pages.get(number) ?? this.initial;
      if (typeof page === 'number') {
        if (visit(page, at, end) === true) return true;
        at = end;
        continue;
      }
      while (at < end) {
        const value = page[at - start]!;
        let next = at + 1;
        while (next < end && page[next - start] === value) next++;
        if (visit(value, at, next) === true) return true;
        at = next;
      }
    }
    return false;
  }
}
