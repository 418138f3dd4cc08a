// Equal computations in different graphs of one model: a number for each value, the same where the same operators are applied
// to the same parameters and constants. Constants of the model are told apart by where their bytes lie, small ones by content.
import type { Constant } from '../../ir/constant.js';
import { type Graph, producer, type Value } from '../../ir/graph.js';
import { formatType } from '../../ir/type.js';

/** Constants of at most this many bytes are compared by content. */
const SMALL = 1024;

export class ValueKeys {
  private readonly numbers = new Map<string, number>();
  private readonly buffers = new Map<ArrayBufferLike, number>();
  private readonly constants = new WeakMap<Constant, number>();

  /** Numbers of these values of a graph (all of them must be needed: the walk is over the whole graph). */
  of(graph: Graph): ReadonlyMap<Value, number> {
    const keys = new Map<Value, number>();
    for (const [i, param] of graph.body.params.entries())
      keys.set(param, this.number(`param ${i} ${formatType(param.type)}`));
    const keyOf = (v: Value): number => {
      const known = keys.get(v);
      if (known !== undefined) return known;
      if (v.def.kind === 'constant') return this.constant(v.def.constant);
      return this.number(`value ${producer(v)?.id ?? v.id}`);
    };
    for (const node of graph.body.nodes) {
      const text = `${node.op} ${JSON.stringify(node.attrs)} ${node.inputs.map(keyOf).join(' ')}`;
      // Regions hold nodes of their own: such a node equals only itself.
      const own = node.regions.length > 0 ? `${text} region ${this.numbers.size}` : text;
      for (const [i, v] of node.outputs.entries())
        keys.set(v, this.number(`${own} ${i} ${formatType(v.type)}`));
    }
    return keys;
  }

  private number(text: string): number {
    const known = this.numbers.get(text) ?? this.numbers.size;
    this.numbers.set(text, known);
    return known;
  }

  private constant(c: Constant): number {
    const known =
      this.constants.get(c) ?? this.number(`constant ${c.dtype} ${c.shape.join(',')} ${this.recipe(c)}`);
    this.constants.set(c, known);
    return known;
  }

  private recipe({ recipe }: Constant): string {
    if (recipe.kind === 'apply')
      return `${recipe.op} ${JSON.stringify(recipe.attrs)} ${recipe.inputs.map((c) => this.constant(c)).join(' ')} ${recipe.result}`;
    if (recipe.kind === 'opaque') return recipe.hash;
    const { bytes } = recipe;
    if (bytes.length <= SMALL) return `${recipe.kind} ${bytes.join(',')}`;
    const buffer = this.buffers.get(bytes.buffer) ?? this.buffers.size;
    this.buffers.set(bytes.buffer, buffer);
    return `buffer ${buffer} ${bytes.byteOffset} ${bytes.length}`;
  }
}
