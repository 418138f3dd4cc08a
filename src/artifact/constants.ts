// constants.bin while it is built: every distinct content once, 64-byte aligned, in the order first added. Content is told by
// SHA-256 alone, whatever its type and shape. Bytes that are made for the store go to a temporary file once they are many: it
// holds no weight that the caller does not.
import { createHash } from 'node:crypto';
import type { DType } from '../base/dtype.js';
import { count, counts, dtype, fail, type JsonValue, json, list, optional, record, text } from './json.js';
import { Spool } from './spool.js';

export const CONSTANT_ALIGNMENT = 64;

/** A tensor of constants.bin. Tensors of equal content share their bytes; an entry is one tensor. */
export interface ConstantEntry {
  readonly name: string;
  /** Hex SHA-256 of its bytes. */
  readonly sha256: string;
  /** In constants.bin; a multiple of CONSTANT_ALIGNMENT. */
  readonly offset: number;
  readonly bytes: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** How it was made from source tensors, for `reweight`. */
  readonly recipe?: JsonValue;
}

const constantEntry = record<ConstantEntry>({
  name: text,
  sha256: (value, path) =>
    /^[0-9a-f]{64}$/.test(text(value, path)) ? text(value, path) : fail(path, 'is no SHA-256'),
  offset: count,
  bytes: count,
  dtype,
  shape: counts,
  recipe: optional(json),
});

/** constants.json. */
export const constantIndex = record<{ readonly tensors: readonly ConstantEntry[] }>({
  tensors: list(constantEntry),
});

/** What is written as constants.bin and its index. */
export interface ConstantSource {
  readonly index: readonly ConstantEntry[];
  readonly byteLength: number;
  /** The bytes of constants.bin, in order; may be asked for more than once. */
  chunks(): Iterable<Uint8Array>;
}

export type ConstantMeta = Omit<ConstantEntry, 'sha256' | 'offset' | 'bytes'>;

export class ConstantStore implements ConstantSource {
  private readonly entries: ConstantEntry[] = [];
  private readonly contents: {
    readonly entry: ConstantEntry;
    readonly chunks: () => Iterable<Uint8Array>;
  }[] = [];
  private readonly spool = new Spool();
  private readonly bySha = new Map<string, number>();
  private end = 0;
  private tensorBytes = 0;

  /**
   * Adds a tensor; the result is its index entry, with the offset of its bytes.
   * @param bytes kept as a view, or a producer, which is called once
   */
  add(bytes: Uint8Array | (() => Uint8Array), meta: ConstantMeta): ConstantEntry {
    const content = typeof bytes === 'function' ? bytes() : bytes;
    const sha256 = createHash('sha256').update(content).digest('hex');
    const known = this.bySha.get(sha256);
    const offset = known ?? alignUp(this.end);
    const { name, dtype, shape, recipe } = meta;
    const entry = {
      name,
      sha256,
      offset,
      bytes: content.length,
      dtype,
      shape,
      ...(recipe !== undefined && { recipe }),
    };
    this.entries.push(entry);
    this.tensorBytes += content.length;
    if (known !== undefined) return entry;
    this.bySha.set(sha256, offset);
    const chunks = typeof bytes === 'function' ? this.spool.add(content) : () => [content];
    this.contents.push({ entry, chunks });
    this.end = offset + content.length;
    return entry;
  }

  get index(): readonly ConstantEntry[] {
    return this.entries;
  }

  /** Bytes of constants.bin. */
  get byteLength(): number {
    return this.end;
  }

  /** Bytes of all tensors added, before sharing. */
  get addedBytes(): number {
    return this.tensorBytes;
  }

  *chunks(): Iterable<Uint8Array> {
    let at = 0;
    for (const { entry, chunks } of this.contents) {
      if (entry.offset > at) yield new Uint8Array(entry.offset - at);
      yield* chunks();
      at = entry.offset + entry.bytes;
    }
  }
}

function alignUp(offset: number): number {
  return Math.ceil(offset / CONSTANT_ALIGNMENT) * CONSTANT_ALIGNMENT;
}
