// Equal constants of different graphs of one model: a number for each, the same where the same operators are applied to the same
// bytes. Large ones are told apart by where their bytes lie, small ones by content.
import type { Constant } from './constant.js';

/** Constants of at most this many bytes are compared by content. */
const SMALL = 1024;

export class ConstantKeys {
  private readonly numbers = new Map<string, number>();
  private readonly buffers = new Map<ArrayBufferLike, number>();
  private readonly constants = new WeakMap<Constant, number>();

  of(c: Constant): number {
    const known = this.constants.get(c) ?? this.number(`${c.dtype} ${c.shape.join(',')} ${this.recipe(c)}`);
    this.constants.set(c, known);
    return known;
  }

  private number(text: string): number {
    const known = this.numbers.get(text) ?? this.numbers.size;
    this.numbers.set(text, known);
    return known;
  }

  private recipe({ recipe }: Constant): string {
    if (recipe.kind === 'apply')
      return `${recipe.op} ${JSON.stringify(recipe.attrs)} ${recipe.inputs.map((c) => this.of(c)).join(' ')} ${recipe.result}`;
    if (recipe.kind === 'opaque') return recipe.hash;
    const { bytes } = recipe;
    if (bytes.length <= SMALL) return `${recipe.kind} ${bytes.join(',')}`;
    const buffer = this.buffers.get(bytes.buffer) ?? this.buffers.size;
    this.buffers.set(bytes.buffer, buffer);
    return `buffer ${buffer} ${bytes.byteOffset} ${bytes.length}`;
  }
}
