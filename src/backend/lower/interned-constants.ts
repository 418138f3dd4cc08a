// One object for constants that kernels derive in the same way from the same constant, so that nodes with the same weights (copies
// of a layer for other images, say) share what is stored and loaded. `byContent`: also for constants of the source whose bytes are
// equal, as those of several imports of one model are.
import { createHash } from 'node:crypto';
import type { Constant } from '../../ir/constant.js';

export class InternedConstants {
  private readonly numbers = new Map<Constant, number>();
  private readonly derived = new Map<string, Constant>();
  private readonly known = new Map<Constant, Constant>();
  private readonly contents = new Map<ArrayBufferLike, Map<string, string>>();
  private readonly byContent: boolean;

  constructor(byContent = false) {
    this.byContent = byContent;
  }

  of(constant: Constant): Constant {
    let found = this.known.get(constant);
    if (found === undefined) {
      found = this.find(constant);
      this.known.set(constant, found);
    }
    return found;
  }

  private find(constant: Constant): Constant {
    const { recipe, dtype, shape, strings } = constant;
    if (recipe.kind !== 'apply' && !this.byContent) return constant;
    const made =
      recipe.kind === 'apply'
        ? [recipe.op, recipe.attrs, recipe.result, recipe.inputs.map((input) => this.number(this.of(input)))]
        : [recipe.kind, strings, recipe.kind === 'opaque' ? recipe.hash : this.contentOf(recipe.bytes)];
    const key = JSON.stringify([dtype, shape, ...made]);
    const first = this.derived.get(key);
    if (first === undefined) this.derived.set(key, constant);
    return first ?? constant;
  }

  private number(constant: Constant): number {
    const known = this.numbers.get(constant) ?? this.numbers.size;
    this.numbers.set(constant, known);
    return known;
  }

  /** Graphs of one model hold the same bytes as different constants: they are read once. */
  private contentOf(bytes: Uint8Array): string {
    let hashes = this.contents.get(bytes.buffer);
    if (hashes === undefined) {
      hashes = new Map();
      this.contents.set(bytes.buffer, hashes);
    }
    const place = `${bytes.byteOffset}:${bytes.length}`;
    let hash = hashes.get(place);
    if (hash === undefined) {
      hash = createHash('sha256').update(bytes).digest('hex');
      hashes.set(place, hash);
    }
    return hash;
  }
}
