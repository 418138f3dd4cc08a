// Common subexpressions: of two nodes with the same operator, attributes and operands only the first stays. Constants are the
// same where their recipes are; small literal ones where their bytes are.
import type { Constant } from '../../ir/constant.js';
import { contentHash } from '../../ir/constant-text.js';
import { constantOf, type Node, type Value } from '../../ir/graph.js';
import { rewriteGraph } from '../../ops/rewrite.js';
import type { Pass } from '../pass.js';

/** Literal bytes up to this many are compared by content; larger ones by where they lie. */
const HASHED_BYTES = 4096;
const COMMUTATIVE = new Set([
  'add',
  'mul',
  'max',
  'min',
  'eq',
  'ne',
  'and',
  'or',
  'xor',
  'bitand',
  'bitor',
  'bitxor',
]);

class Keys {
  private readonly constants = new WeakMap<Constant, string>();
  private readonly buffers = new Map<ArrayBufferLike, number>();

  /** Equal keys: the same node but for its place. Undefined where nothing ties it to its region (it has no variable operand). */
  node(node: Node): string | undefined {
    if (node.regions.length > 0 || node.inputs.every((v) => constantOf(v) !== undefined)) return undefined;
    const operands = node.inputs.map((v) => this.value(v));
    if (COMMUTATIVE.has(node.op)) operands.sort();
    return `${node.op}(${operands.join(',')})${JSON.stringify(node.attrs)}`;
  }

  private value(v: Value): string {
    const c = constantOf(v);
    return c === undefined ? `%${v.id}` : this.constant(c);
  }

  private constant(c: Constant): string {
    let key = this.constants.get(c);
    if (key === undefined) {
      key = `${c.dtype}[${c.shape.join(',')}]${this.recipe(c)}`;
      this.constants.set(c, key);
    }
    return key;
  }

  private recipe({ recipe, strings }: Constant): string {
    if (strings !== undefined) return JSON.stringify(strings);
    switch (recipe.kind) {
      case 'bytes':
        return recipe.bytes.length <= HASHED_BYTES
          ? `#${contentHash(recipe.bytes)}`
          : this.place(recipe.bytes);
      case 'splat':
        return `*${recipe.bytes.join('.')}`;
      case 'opaque':
        return `#${recipe.hash}`;
      case 'apply':
        return `${recipe.op}:${recipe.result}(${recipe.inputs.map((i) => this.constant(i)).join(',')})${JSON.stringify(recipe.attrs)}`;
    }
  }

  private place(bytes: Uint8Array): string {
    const number = this.buffers.get(bytes.buffer) ?? this.buffers.size;
    this.buffers.set(bytes.buffer, number);
    return `@${number}+${bytes.byteOffset}:${bytes.length}`;
  }
}

export const CSE: Pass = {
  name: 'cse',
  theme: 'clean',
  level: 1,
  doc: 'Of two nodes that compute the same from the same operands only the first stays.',
  run(graph, context) {
    const keys = new Keys();
    const known = new Map<string, Node>();
    return rewriteGraph(graph, (node) => {
      const key = keys.node(node);
      if (key === undefined) return undefined;
      const first = known.get(key);
      if (first === undefined) known.set(key, node);
      return first !== undefined && context.rewrite() ? first.outputs : undefined;
    });
  },
};
